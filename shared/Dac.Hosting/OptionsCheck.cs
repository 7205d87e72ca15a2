using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Options;

namespace Dac.Hosting;

/// <summary>
/// Checks a section's options by their attributes, and says of a bad one its key, its value, what is allowed and the default, in one form for all.
/// </summary>
internal sealed class OptionsCheck<T>(string section) : IValidateOptions<T>
    where T : class, new()
{
    public ValidateOptionsResult Validate(string? name, T options)
    {
        var defaults = new T();
        var failures = typeof(T).GetProperties()
            .SelectMany(p => p.GetCustomAttributes<ValidationAttribute>(), (property, rule) => (property, rule))
            .Where(c => !c.rule.IsValid(c.property.GetValue(options)))
            .Select(c => Explain(c.property, c.rule, c.property.GetValue(options), c.property.GetValue(defaults)))
            .ToList();
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private string Explain(PropertyInfo property, ValidationAttribute rule, object? value, object? byDefault)
    {
        var secret = property.GetCustomAttribute<DataTypeAttribute>()?.DataType == DataType.Password;
        var allowed = rule switch
        {
            RangeAttribute range => $"{Text(range.Minimum)} to {Text(range.Maximum)}",
            StringLengthAttribute length => $"{length.MinimumLength} to {length.MaximumLength} characters",
            MinLengthAttribute length => $"{length.Length} characters or more",
            _ => rule.ErrorMessage,
        };
        return $"{section}:{property.Name}{(secret ? "" : $" '{Text(value)}'")} is not allowed: give {allowed} (default: {(byDefault is null ? "none" : Text(byDefault))}).";
    }

    private static string Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
}
