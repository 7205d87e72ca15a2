using System.Globalization;
using Dac.Contracts;

namespace Dac.Web.Page;

/// <summary>Figures as people read them.</summary>
internal static class Display
{
    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Rounded down: 99.999 must not read as all.</summary>
    public static string Percent(double? percent) =>
        percent is { } p ? string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(p * 100) / 100:0.00} %") : "–";

    public static string Ms(int? us) => us switch
    {
        null => "–",
        < 10_000 => string.Create(CultureInfo.InvariantCulture, $"{us / 1_000.0:0.0} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{us / 1_000.0:N0} ms"),
    };

    public static string Ago(TimeSpan age) => age.TotalSeconds switch
    {
        < 1 => "now",
        < 120 => $"{(int)age.TotalSeconds} s",
        < 7_200 => $"{(int)age.TotalMinutes} min",
        < 172_800 => $"{(int)age.TotalHours} h",
        _ => $"{(int)age.TotalDays} days",
    };

    public static string Utc(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    public static string Word(LiveState state) => state.ToString().ToLowerInvariant();

    /// <summary>Class of a bar: what its colour and shape go by.</summary>
    public static string Bar(Outcome outcome) => outcome.Class() switch
    {
        OutcomeClass.Executed => outcome.Health().ToString().ToLowerInvariant(),
        OutcomeClass.ObserverFault => "fault",
        _ => "missed",
    };
}
