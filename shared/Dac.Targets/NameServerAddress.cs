using System.Net;

namespace Dac.Targets;

/// <summary>A name server as users write it: <c>192.0.2.53</c>, <c>192.0.2.53:5353</c>, <c>[2001:db8::53]:53</c>.</summary>
public static class NameServerAddress
{
    /// <summary>Reads it; port 53 where none is given.</summary>
    public static bool TryParse(string text, out IPEndPoint endPoint)
    {
        if (!IPEndPoint.TryParse(text, out endPoint!))
            return false;
        if (endPoint.Port == 0)
            endPoint.Port = 53;
        return true;
    }
}
