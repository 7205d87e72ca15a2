using Dac.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Dac.Tests.Support;

/// <summary>A SQLite database with the storage module as shipped, on a clock of the test's.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly IHost _host;

    private TestDatabase(TimeProvider time)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration["ConnectionStrings:Database"] = _folder.Database;
        builder.Services.Replace(ServiceDescriptor.Singleton(time));
        builder.AddStorage();
        _host = builder.Build();
    }

    public static async Task<TestDatabase> CreateAsync(TimeProvider? time = null)
    {
        var database = new TestDatabase(time ?? TimeProvider.System);
        await database.Get<DatabaseMigrator>().StartAsync(TestContext.Current.CancellationToken);
        return database;
    }

    public string ConnectionString => _folder.Database;

    public T Get<T>()
        where T : notnull => _host.Services.GetRequiredService<T>();

    public Task<DacDbContext> ContextAsync() => Get<IDbContextFactory<DacDbContext>>().CreateDbContextAsync(TestContext.Current.CancellationToken);

    public async Task<T> QueryAsync<T>(Func<DacDbContext, Task<T>> query)
    {
        await using var db = await ContextAsync();
        return await query(db);
    }

    public ValueTask DisposeAsync()
    {
        _host.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
