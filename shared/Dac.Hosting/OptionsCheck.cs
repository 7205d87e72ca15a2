using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Dac.Hosting;

/// <summary>
/// Checks a section's options by their attributes, and says of a bad one its key, its value, what is allowed and the default, in one form for all.
/// A key that is none is refused too: misspelt, it would leave what was to be set as it is.
/// </summary>
internal sealed class OptionsCheck<T>(string section, IConfiguration configuration) : IValidateOptions<T>
    where T : class, new()
{
    public ValidateOptionsResult Validate(string? name, T options)
    {
        var defaults = new T();
        var failures = typeof(T).GetProperties()
            .SelectMany(p => p.GetCustomAttributes<ValidationAttribute>(), (property, rule) => (property, rule))
            .Where(c => !c.rule.IsValid(c.property.GetValue(options)))
            .Select(c => Explain(c.property, c.rule, c.property.GetValue(options), c.property.GetValue(defaults)))
            .Concat(Unknown())
            .ToList();
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private IEnumerable<string> Unknown()
    {
        var known = typeof(T).GetProperties().Select(p => p.Name).ToList();
        return configuration.GetSection(section).GetChildren()
            .Select(s => !known.Contains(s.Key, StringComparer.OrdinalIgnoreCase) ? $"{section}:{s.Key} is no setting. Those of {section} are {string.Join(", ", known)}."
                : s.GetChildren().Any() ? $"{section}:{s.Key} is one value: give what belongs into it separated by commas, and not as a list." : null)
            .OfType<string>();
    }

    private string Explain(PropertyInfo property, ValidationAttribute rule, object? value, object? byDefault)
    {
        var secret = property.GetCustomAttribute<DataTypeAttribute>()?.DataType == DataType.Password;
        var allowed = rule switch
        {
            RangeAttribute range => $"{Text(range.Minimum)} to {Text(range.Maximum)}",
            StringLengthAttribute length => $"{length.MinimumLength} to {length.MaximumLength} characters",
            MinLengthAttribute length => $"{length.Length} characters or more",
            _ => rule.ErrorMessage ?? rule.FormatErrorMessage(property.Name),
        };
        return $"{section}:{property.Name}{(secret ? "" : $" '{Text(value)}'")} is not allowed: give {allowed} (default: {(byDefault is null ? "none" : Text(byDefault))}).";
    }

    private static string Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
}
