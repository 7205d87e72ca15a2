using System.Text.RegularExpressions;

namespace Dac.Targets;

/// <summary>User name and password within a URL (RFC 3986, 3.2.1), which no message repeats.</summary>
public static partial class UserInfo
{
    /// <summary>A URL, or what was given for one, without what stands before its last <c>@</c> but the scheme: more than user name and password may be, since it is also asked of what is no URL.</summary>
    public static string Masked(string url) => BeforeAt().Replace(url, "$1***@");

    [GeneratedRegex(@"^([A-Za-z][\w+.-]*://)?[\s\S]*@")]
    private static partial Regex BeforeAt();
}
