namespace Dac.Storage;

/// <summary>
/// Order-free checksum of slot keys, written so that SQL computes the same on either database:
/// <c>sum((target_id % p) * (scheduled_ms % p) % p * 31 + location_id)</c> with p = 2^31 - 1.
/// The product tells apart two slots that swapped their times, which a plain sum would not.
/// </summary>
public static class SlotChecksum
{
    /// <summary>The Mersenne prime 2^31 - 1: products of two remainders fit in 62 bits.</summary>
    public const long Modulus = 2147483647;

    /// <summary>What one slot adds.</summary>
    public static long Of(long targetId, short locationId, long scheduledAtMs) =>
        targetId % Modulus * (scheduledAtMs % Modulus) % Modulus * 31 + locationId;
}
