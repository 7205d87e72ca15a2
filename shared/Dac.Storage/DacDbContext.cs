using System.Text;
using Dac.Contracts;
using Dac.Storage.Model;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Dac.Storage;

/// <summary>The one model of both databases. Tables and columns are the members' names in snake case.</summary>
public abstract class DacDbContext(DbContextOptions options) : DbContext(options)
{
    public DbSet<Topology> Topology => Set<Topology>();

    public DbSet<Target> Targets => Set<Target>();

    public DbSet<TargetVersion> TargetVersions => Set<TargetVersion>();

    public DbSet<Location> Locations => Set<Location>();

    public DbSet<Collector> Collectors => Set<Collector>();

    public DbSet<PlanCursor> PlanCursors => Set<PlanCursor>();

    public DbSet<PlanWindow> PlanWindows => Set<PlanWindow>();

    public DbSet<PlanGap> PlanGaps => Set<PlanGap>();

    public DbSet<StoredResult> Results => Set<StoredResult>();

    public DbSet<TargetState> States => Set<TargetState>();

    public DbSet<StateChange> StateChanges => Set<StateChange>();

    public DbSet<ParkedResult> ParkedResults => Set<ParkedResult>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Topology>(e => e.Property(t => t.Id).ValueGeneratedNever());
        modelBuilder.Entity<Target>(e =>
        {
            e.HasIndex(t => t.Key).IsUnique();
            e.HasIndex(t => t.Revision);
        });
        modelBuilder.Entity<TargetVersion>(e =>
        {
            e.HasKey(v => new { v.TargetId, v.Revision });
            e.HasIndex(v => new { v.Partition, v.Revision });
            e.HasIndex(v => new { v.Partition, v.RevisionTo });
        });
        modelBuilder.Entity<Location>(e => e.HasIndex(l => l.Name).IsUnique());
        modelBuilder.Entity<Collector>(e => e.HasIndex(c => c.Name).IsUnique());
        modelBuilder.Entity<OutcomeName>(e =>
        {
            e.ToTable("outcome").HasKey(o => o.Code);
            e.Property(o => o.Code).ValueGeneratedNever();
            e.HasData(Enum.GetValues<Outcome>().Select(o => new OutcomeName { Code = (short)o, Name = SnakeCase(o.ToString()), Class = SnakeCase(o.Class().ToString()) }));
        });
        modelBuilder.Entity<PlanCursor>(e => e.HasKey(c => c.Partition));
        modelBuilder.Entity<PlanCursor>(e => e.Property(c => c.Partition).ValueGeneratedNever());
        modelBuilder.Entity<PlanWindow>(e =>
        {
            e.HasKey(w => new { w.Partition, w.StartsAt });
            e.HasIndex(w => w.StartsAt);
            e.HasIndex(w => w.AuditAfter).HasFilter("audited_at IS NULL").HasDatabaseName("ix_plan_window_unaudited");
            e.HasIndex(w => w.LeaseUntil).HasFilter("published_at IS NULL").HasDatabaseName("ix_plan_window_unpublished");
        });
        modelBuilder.Entity<PlanGap>(e => e.HasKey(g => new { g.Partition, g.FromTime }));
        modelBuilder.Entity<StoredResult>(e =>
        {
            e.ToTable("probe_result").HasKey(r => new { r.TargetId, r.LocationId, r.ScheduledAt });
            e.HasIndex(r => r.ScheduledAt);
        });
        modelBuilder.Entity<TargetState>(e => e.HasKey(s => new { s.TargetId, s.LocationId }));
        modelBuilder.Entity<StateChange>(e => e.HasKey(c => new { c.TargetId, c.LocationId, c.ScheduledAt }));

        foreach (var entity in modelBuilder.Model.GetEntityTypes())
        {
            if (entity.ClrType.Name != nameof(StoredResult) && entity.ClrType.Name != nameof(OutcomeName))
                entity.SetTableName(SnakeCase(entity.ClrType.Name));
            foreach (var property in entity.GetProperties())
                property.SetColumnName(SnakeCase(property.Name));
        }
    }

    private static string SnakeCase(string name)
    {
        var text = new StringBuilder(name.Length + 4);
        foreach (var c in name)
        {
            if (char.IsUpper(c) && text.Length > 0)
                text.Append('_');
            text.Append(char.ToLowerInvariant(c));
        }
        return text.ToString();
    }
}

/// <summary>The model on PostgreSQL.</summary>
public sealed class PostgresDbContext(DbContextOptions<PostgresDbContext> options) : DacDbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        base.OnModelCreating(modelBuilder);
        modelBuilder.Entity<Target>().Property(t => t.Spec).HasColumnType("jsonb");
        modelBuilder.Entity<TargetVersion>().Property(v => v.Spec).HasColumnType("jsonb");
        modelBuilder.Entity<StoredResult>().HasIndex(r => r.ScheduledAt).HasMethod("brin");
    }
}

/// <summary>The model on SQLite, with times as Unix milliseconds.</summary>
public sealed class SqliteDbContext(DbContextOptions<SqliteDbContext> options) : DacDbContext(options)
{
    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder) =>
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UnixMs>();

    private sealed class UnixMs() : ValueConverter<DateTimeOffset, long>(t => t.ToUnixTimeMilliseconds(), ms => DateTimeOffset.FromUnixTimeMilliseconds(ms));
}
