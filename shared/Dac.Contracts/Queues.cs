using System.Globalization;

namespace Dac.Contracts;

/// <summary>Names of the queues; each has a fanout exchange of the same name.</summary>
public static class Queues
{
    /// <summary>Results of all collectors, for the writers.</summary>
    public const string ProbeResult = "probe-result";

    /// <summary>Exclusive to the one scheduler that plans while the database does not answer; never holds a message.</summary>
    public const string PlanLease = "plan-lease";

    /// <summary>An exchange that comes with the broker's policies, and shows that they are there; its number goes with what services need of them.</summary>
    public const string Policies = "dac-policies-1";

    /// <summary>Commands of one partition for the collectors of one location.</summary>
    public static string ProbeUrl(string location, int partition) =>
        string.Create(CultureInfo.InvariantCulture, $"probe-url.{location}.{partition}");
}
