namespace Dac.Hosting;

/// <summary>The service must not start like this; the message tells the user what to do, and no stack trace is needed.</summary>
public sealed class StartRefusedException(string message) : Exception(message);
