namespace Dac.Contracts;

/// <summary>
/// What became of a slot. A closed set, documented in <c>docs/outcomes.md</c>.
/// On the wire and in the database it is its number; the number's range gives the <see cref="OutcomeClass"/>,
/// so that an older writer books an outcome that only a newer collector knows in the right class.
/// </summary>
public enum Outcome : short
{
    /// <summary>Executed: the target answered as asked.</summary>
    Up = 10,

    /// <summary>Executed: the target answered as asked, but not as well as asked (for example too slowly).</summary>
    Degraded = 15,

    /// <summary>Executed: the name does not exist, or has no address.</summary>
    NameNotFound = 20,

    /// <summary>Executed: no connection (refused, reset, unreachable).</summary>
    ConnectFailed = 21,

    /// <summary>Executed: no TLS session (handshake, or the certificate is not trusted, expired, for another host).</summary>
    TlsFailed = 22,

    /// <summary>Executed: not finished within the target's timeout.</summary>
    Timeout = 23,

    /// <summary>Executed: the answer breaks the protocol, or the connection ended within it.</summary>
    ProtocolError = 24,

    /// <summary>Executed: the status is not an accepted one.</summary>
    BadStatus = 25,

    /// <summary>Executed: the body does not match the regex.</summary>
    NoMatch = 26,

    /// <summary>Executed: the body is larger than allowed, counted after decompression.</summary>
    TooLarge = 27,

    /// <summary>Executed: the collector is not allowed to connect to the target's address.</summary>
    Denied = 28,

    /// <summary>Executed: the probe can't be done as the target asks for it (no prober for the scheme, a regex that took too long).</summary>
    Unprobeable = 29,

    /// <summary>Executed: the body matches what it must not.</summary>
    UnwantedMatch = 30,

    /// <summary>Executed: a header is not there, or does not match as asked.</summary>
    HeaderMismatch = 31,

    /// <summary>Executed: the assertion on the answer's content does not hold, or it is not of the form that was asked for (not JSON).</summary>
    AssertionFailed = 32,

    /// <summary>Executed: more redirects than allowed.</summary>
    TooManyRedirects = 33,

    /// <summary>Executed: the answer of a dialogue, or the records of a name, are not as expected.</summary>
    UnexpectedAnswer = 34,

    /// <summary>Executed: the name server's response code is not the expected one.</summary>
    BadRcode = 35,

    /// <summary>Executed: the service says of itself that it is not serving.</summary>
    NotServing = 36,

    /// <summary>Observer fault: the collector's resolver did not answer.</summary>
    ResolverFault = 50,

    /// <summary>Observer fault: the collector had no file descriptors, ports or buffers left.</summary>
    ResourceFault = 51,

    /// <summary>Observer fault: the collector has no route at all.</summary>
    NetworkFault = 52,

    /// <summary>Observer fault: the collector was paused while the probe ran, or starved of CPU so that nothing in it went on for 250 ms.</summary>
    PausedFault = 53,

    /// <summary>Observer fault: a bug in the collector; the log has it.</summary>
    InternalFault = 54,

    /// <summary>Observer fault: the collector has no such secret as the target refers to, or can't read it.</summary>
    SecretFault = 55,

    /// <summary>Missed: the slot could not start within its tolerance.</summary>
    Expired = 60,

    /// <summary>Missed: planned, and nothing was heard of it by the time of the audit.</summary>
    Lost = 61,

    /// <summary>Missed: the broker had no queue for it.</summary>
    Undeliverable = 62,

    /// <summary>Missed: the collector's clock is too far from the plan's.</summary>
    Clock = 63,

    /// <summary>Missed: no scheduler was there to plan it.</summary>
    NotPlanned = 64,
}

/// <summary>The three classes that the ledger keeps apart: planned = executed + observer faults + missed.</summary>
public enum OutcomeClass
{
    /// <summary>Not probed. Numbers 60 to 69.</summary>
    Missed,

    /// <summary>Probed, but it says nothing of the target: excluded from uptime. Numbers 50 to 59.</summary>
    ObserverFault,

    /// <summary>Probed. Numbers 10 to 49: up is 10 to 14, degraded 15 to 19, down 20 to 49.</summary>
    Executed,
}

/// <summary>State of a target at a location, as its last executed slot has it.</summary>
public enum TargetHealth : short
{
    /// <summary>It answers as asked.</summary>
    Up = 1,

    /// <summary>It answers, but not as well as asked.</summary>
    Degraded = 2,

    /// <summary>It does not answer as asked.</summary>
    Down = 3,
}

/// <summary>Classes and states of outcomes, by number range. The writers' SQL states the same ranges.</summary>
public static class OutcomeExtensions
{
    /// <summary>The class of an outcome, also of one that this version has no name for.</summary>
    public static OutcomeClass Class(this Outcome outcome) => (short)outcome switch
    {
        < 50 => OutcomeClass.Executed,
        < 60 => OutcomeClass.ObserverFault,
        _ => OutcomeClass.Missed,
    };

    /// <summary>The state that an executed outcome puts its target in.</summary>
    public static TargetHealth Health(this Outcome outcome) => (short)outcome switch
    {
        < 15 => TargetHealth.Up,
        < 20 => TargetHealth.Degraded,
        _ => TargetHealth.Down,
    };
}
