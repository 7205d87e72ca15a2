using System.Collections.Frozen;
using DevLab.JmesPath.Expressions;
using DevLab.JmesPath.Interop;

namespace Dac.Targets;

/// <summary>
/// How many times larger than the body what an expression makes of it can become, by an upper bound. Nothing ends the evaluation of an expression once it has
/// begun, and <c>[@,@]|[@,@]|...</c> doubles with each step: so it is counted before, and what only costs its body's size is let through.
/// </summary>
internal sealed class JsonGrowth : IVisitor
{
    /// <summary>Two steps of four, or a list of sixteen: more than a check asks for, and far from exponential.</summary>
    public const int Limit = 16;

    // What they make is as large as two of their arguments multiplied, or as a number in the expression says.
    private static readonly FrozenSet<string> Refused = FrozenSet.Create("join", "pad_left", "pad_right", "replace");

    private long _times = 1;

    /// <summary>Measures an expression.</summary>
    /// <exception cref="NotSupportedException">It can grow beyond the limit; the message says by what.</exception>
    public static void Check(JmesPathExpression expression)
    {
        var growth = new JsonGrowth();
        expression.Accept(growth);
        if (growth._times > Limit)
            throw new NotSupportedException($"it can make {growth._times} times its size of a body, {Limit} are allowed: use fewer lists like [a, b] and {{x: a, y: b}}, merge, zip, split and to_string");
    }

    /// <inheritdoc/>
    public void Visit(JmesPathExpression expression)
    {
        var times = expression switch
        {
            JmesPathMultiSelectList list => list.Expressions.Length,
            JmesPathMultiSelectHash hash => hash.Dictionary.Count,
            JmesPathFunctionExpression { Name: var name } when Refused.Contains(name) => throw new NotSupportedException($"{name} can make far more than its size of a body: ask for what it is made from"),
            JmesPathFunctionExpression { Name: "merge" or "zip" } all => all.Arguments.Length,
            // A blank in a list of characters takes four, and so do quotes that are quoted once more.
            JmesPathFunctionExpression { Name: "split" or "to_string" } => 4,
            // With either of them the whole body can be asked for once more from within each of its items.
            JmesPathLetExpression => throw new NotSupportedException("let can go through the body again for each of its items: write it without"),
            JmesPathRootNodeExpression => throw new NotSupportedException("$ can go through the body again for each of its items: write it without"),
            _ => 1,
        };
        _times = Math.Min(_times * Math.Max(times, 1), int.MaxValue);
    }
}
