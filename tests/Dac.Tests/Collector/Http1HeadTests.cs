using System.Text;
using Dac.Collector.Probing;
using FsCheck;
using FsCheck.Xunit;

namespace Dac.Tests.Collector;

public sealed class Http1HeadTests
{
    private static readonly string[] Fragments =
    [
        "HTTP/1.1 200 OK\r\n", "\r\n\r\n", "\r\n", "\n", "\r", ":", " ", "\t", "\0", "Content-Length: 5\r\n", "content-length:7 , 7\r\n", "X: a\r\n b\r\n", "Name", "(bad): x\r\n",
        "HTTP/1.0 404\r\n", "HTTP/1.1 2", "\u00e9",
    ];

    [Property(MaxTest = 2_000)]
    public bool Whatever_comes_is_a_head_or_refused_and_nothing_behind_it_counts(int[] picks, byte[] behind)
    {
        var text = Compose(picks);
        var alone = Read(text, text.Length);
        return alone.EndsWith("more", StringComparison.Ordinal) || alone == Read([.. text, .. behind], text.Length + behind.Length);
    }

    [Property(MaxTest = 2_000)]
    public bool A_head_is_the_same_wherever_it_was_split(int[] picks, NonNegativeInt at, NonNegativeInt step)
    {
        var text = Compose(picks);
        return Read(text, text.Length) == Read(text, at.Get % (text.Length + 1)) && Read(text, text.Length) == Read(text, 1 + step.Get % 7, steps: true);
    }

    [Fact]
    public void Fields_are_found_where_they_lie()
    {
        var bytes = Encoding.Latin1.GetBytes("HTTP/1.1 301 Moved far away\r\nLocation:  /there \t\r\nX-A: 1\nx-a : 2\r\nX-AB: no\r\nFolded: one\r\n\t two\r\nEmpty:\r\n\r\nbody");
        var head = new Http1Head();
        Assert.True(head.Parse(bytes));
        Assert.Equal((301, 1, bytes.Length - 4), (head.Status, head.Minor, head.Length));
        Assert.Equal("Moved far away", head.Reason(bytes));
        Assert.Equal(["/there", "1, 2", "one  \t two", "", null], new[] { "location", "X-A", "FOLDED", "Empty", "None" }.Select(n => head.Field(bytes, n)));
    }

    [Theory]
    [InlineData("HTTP/2.0 200 OK\r\n")]
    [InlineData("HTTP/1.1 20 OK\r\n")]
    [InlineData("HTTP/1.1 2000\r\n")]
    [InlineData("HTTP/1.1\t200 OK\r\n")]
    [InlineData("http/1.1 200 OK\r\n")]
    [InlineData("HTTP/1.1 200 O\rK\r\n")]
    [InlineData("\r\n")]
    [InlineData("SSH-2.0-OpenSSH_9.2p1\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nno colon\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\n: no name\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nna me: x\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\n folded onto nothing\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nX: a\rb\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nX: a\0b\r\n")]
    public void What_is_no_head_is_refused_at_its_first_wrong_line(string text)
    {
        var head = new Http1Head();
        Assert.Throws<InvalidDataException>(() => head.Parse(Encoding.Latin1.GetBytes(text)));
    }

    [Theory]
    [InlineData("Content-Length: 5", "GET", "Length 5")]
    [InlineData("Content-Length: 5, 5\r\nContent-Length: 5", "GET", "Length 5")]
    [InlineData("Content-Length: 5\r\nContent-Length: 6", "GET", "refused")]
    [InlineData("Content-Length: 5, 6", "GET", "refused")]
    [InlineData("Content-Length: +5", "GET", "refused")]
    [InlineData("Content-Length: 9223372036854775808", "GET", "refused")]
    [InlineData("Content-Length:", "GET", "refused")]
    [InlineData("Content-Length: 5", "HEAD", "Length 0")]
    [InlineData("Transfer-Encoding: Chunked", "GET", "Chunked 0")]
    [InlineData("Transfer-Encoding: gzip, chunked", "GET", "refused")]
    [InlineData("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "GET", "refused")]
    [InlineData("Transfer-Encoding: chunked, identity", "GET", "refused")]
    [InlineData("Transfer-Encoding: xchunked", "GET", "refused")]
    [InlineData("Transfer-Encoding: identity\r\nContent-Length: 5", "GET", "Length 5")]
    [InlineData("X: y", "GET", "Close 0")]
    public void The_body_ends_where_the_head_says(string fields, string method, string expected)
    {
        var bytes = Encoding.Latin1.GetBytes($"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
        var head = new Http1Head();
        Assert.True(head.Parse(bytes));
        string seen;
        try
        {
            var framing = Http1Framing.Of(head, bytes, method);
            seen = $"{framing.Kind} {framing.Length}";
        }
        catch (InvalidDataException)
        {
            seen = "refused";
        }
        Assert.Equal(expected, seen);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0", true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close", false)]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 0", false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked", false)]
    [InlineData("HTTP/1.1 200 OK\r\nX: y", false)]
    public void A_connection_is_kept_only_behind_an_end_that_is_sure(string text, bool kept)
    {
        var bytes = Encoding.Latin1.GetBytes(text + "\r\n\r\n");
        var head = new Http1Head();
        Assert.True(head.Parse(bytes));
        Assert.Equal(kept, Http1Framing.Of(head, bytes, "GET").Keeps);
    }

    private static byte[] Compose(int[] picks) =>
        [.. Encoding.Latin1.GetBytes(picks.Length % 3 == 0 ? "" : Fragments[0]), .. picks.SelectMany(p => Math.Abs(p) is var i && i < 60 ? Encoding.Latin1.GetBytes(Fragments[i % Fragments.Length]) : [(byte)p])];

    // All that can be told of it, read whole, in two parts, or in steps.
    private static string Read(byte[] text, int first, bool steps = false)
    {
        var bytes = text.ToArray();
        var head = new Http1Head();
        var whole = false;
        try
        {
            for (var length = Math.Min(first, bytes.Length); !(whole = head.Parse(bytes.AsSpan(0, length))) && length < bytes.Length;)
                length = steps ? Math.Min(length + first, bytes.Length) : bytes.Length;
        }
        catch (InvalidDataException e)
        {
            return $"refused: {e.Message}";
        }
        return whole ? $"{head.Status} {head.Minor} {head.Length} {head.Reason(bytes)} {head.Field(bytes, "Content-Length")} {head.Field(bytes, "X")}" : "more";
    }
}
