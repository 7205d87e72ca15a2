using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Dac.Web;

/// <summary>Settings of section <c>Web</c>.</summary>
public sealed class WebOptions
{
    /// <summary>
    /// What a write (POST, PUT, DELETE under <c>/api</c>) must carry in its header <c>X-Api-Key</c>, at least 16 characters. Default: none, which is
    /// accepted only while the service listens on loopback. An empty value is none. Never logged.
    /// </summary>
    [MinLength(16, ErrorMessage = "Web:ApiKey must have at least 16 characters: make one with 'openssl rand -hex 32', or leave it out.")]
    public string? ApiKey { get; set => field = string.IsNullOrEmpty(value) ? null : value; }
}

[OptionsValidator]
internal sealed partial class WebOptionsValidator : IValidateOptions<WebOptions>;
