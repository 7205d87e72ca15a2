using System.ComponentModel.DataAnnotations;

namespace Dac.Web;

/// <summary>Settings of section <c>Web</c>.</summary>
public sealed class WebOptions
{
    /// <summary>
    /// What a write (POST, PUT, DELETE under <c>/api</c>) must carry in its header <c>X-Api-Key</c>, at least 16 characters. Default: none, which is
    /// accepted only while the service listens on loopback. An empty value is none. Never logged.
    /// </summary>
    [MinLength(16)]
    [DataType(DataType.Password)]
    public string? ApiKey { get; set => field = string.IsNullOrEmpty(value) ? null : value; }
}
