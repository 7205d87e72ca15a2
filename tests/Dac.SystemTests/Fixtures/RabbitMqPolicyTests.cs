using System.Text.Json.Nodes;
using Dac.Contracts;

namespace Dac.SystemTests.Fixtures;

/// <summary>The policies of infra/rabbitmq/definitions.json, as RabbitMQ applies them.</summary>
public sealed class RabbitMqPolicyTests(RabbitMq rabbit)
{
    [Fact]
    public async Task Command_queues_drop_their_oldest_and_expire_and_never_lose_a_message_to_returns()
    {
        await using var vhost = await rabbit.CreateVhostAsync();

        var policy = await PolicyAsync(vhost, Queues.ProbeUrl("eu-west-1", 15));

        Assert.Equal("""{"delivery-limit":-1,"max-length":2000,"message-ttl":65000,"overflow":"drop-head"}""", policy);
    }

    [Fact]
    public async Task The_result_queue_refuses_what_is_too_much_and_never_loses_a_message_to_returns()
    {
        await using var vhost = await rabbit.CreateVhostAsync();

        var policy = await PolicyAsync(vhost, Queues.ProbeResult);

        Assert.Equal("""{"delivery-limit":-1,"max-length-bytes":1073741824,"overflow":"reject-publish"}""", policy);
    }

    [Theory]
    [InlineData("probe-url.default.0_error")]
    [InlineData("probe-url.default.0_skipped")]
    [InlineData("probe-result_error")]
    [InlineData("probe-result_skipped")]
    public async Task Parking_queues_keep_the_last_ten_thousand(string queue)
    {
        await using var vhost = await rabbit.CreateVhostAsync();

        Assert.Equal("""{"max-length":10000,"overflow":"drop-head"}""", await PolicyAsync(vhost, queue));
    }

    private static async Task<string> PolicyAsync(Vhost vhost, string queue)
    {
        var cancel = TestContext.Current.CancellationToken;
        var path = new Uri(vhost.Path("queues", queue), UriKind.Relative);
        using var declared = await vhost.Management.PutAsJsonAsync(
            path, new { durable = true, arguments = new Dictionary<string, string> { ["x-queue-type"] = "quorum" } }, cancel);
        declared.EnsureSuccessStatusCode();
        JsonNode? policy = null;
        // The figure is missing until the queue has reported for the first time, which it does every 5 s.
        await Poll.UntilAsync("the queue reports its policy", async () =>
            (policy = (await vhost.Management.GetFromJsonAsync<JsonObject>(path, cancel))!["effective_policy_definition"]) is not null);
        return policy is JsonObject found
            ? new JsonObject(found.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone()))).ToJsonString()
            : "{}";
    }
}
