using Microsoft.Extensions.Options;

namespace Dac.Tests.Web;

public sealed class WebOptionsTests
{
    [Fact]
    public async Task A_short_api_key_refuses_the_start_and_is_not_shown()
    {
        var refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => WebHost.MapAsync("--Web:ApiKey=fifteen-letters"));

        Assert.Contains("Web:ApiKey is not allowed: give 16 characters or more", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("fifteen", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_api_key_is_none()
    {
        await using var web = await WebHost.StartAsync("--Web:ApiKey=");

        await web.AddTargetAsync();
    }
}
