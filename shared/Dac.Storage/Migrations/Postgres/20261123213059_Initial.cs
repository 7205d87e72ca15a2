using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

#pragma warning disable CA1814 // Prefer jagged arrays over multidimensional

namespace Dac.Storage.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "collector",
                columns: table => new
                {
                    id = table.Column<int>(type: "integer", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    name = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_collector", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "location",
                columns: table => new
                {
                    id = table.Column<short>(type: "smallint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    name = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_location", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "outcome",
                columns: table => new
                {
                    code = table.Column<short>(type: "smallint", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    @class = table.Column<string>(name: "class", type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_outcome", x => x.code);
                });

            migrationBuilder.CreateTable(
                name: "parked_result",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    parked_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    payload = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_parked_result", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "plan_cursor",
                columns: table => new
                {
                    partition = table.Column<short>(type: "smallint", nullable: false),
                    planned_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    revision = table.Column<long>(type: "bigint", nullable: false),
                    active_targets = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_plan_cursor", x => x.partition);
                });

            migrationBuilder.CreateTable(
                name: "plan_gap",
                columns: table => new
                {
                    partition = table.Column<short>(type: "smallint", nullable: false),
                    from_time = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    to_time = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_plan_gap", x => new { x.partition, x.from_time });
                });

            migrationBuilder.Sql("""
                CREATE TABLE plan_window (
                    partition smallint NOT NULL,
                    starts_at timestamp with time zone NOT NULL,
                    planned integer NOT NULL,
                    checksum bigint NOT NULL,
                    slot_targets bigint[],
                    slot_locations smallint[],
                    slot_offsets_ms smallint[],
                    revision bigint NOT NULL,
                    active_targets integer NOT NULL,
                    attempt smallint NOT NULL,
                    lease_until timestamp with time zone NOT NULL,
                    published_at timestamp with time zone,
                    audit_after timestamp with time zone NOT NULL,
                    audited_at timestamp with time zone,
                    executed integer,
                    observer_faults integer,
                    missed integer,
                    CONSTRAINT "PK_plan_window" PRIMARY KEY (partition, starts_at)
                ) PARTITION BY RANGE (starts_at);
                """);

            // Range-partitioned by time: retention drops whole partitions. Wide columns first, so that no row pays for alignment.
            migrationBuilder.Sql("""
                CREATE TABLE probe_result (
                    target_id bigint NOT NULL,
                    scheduled_at timestamp with time zone NOT NULL,
                    tls_expires_at timestamp with time zone,
                    lateness_us integer,
                    resolve_us integer,
                    connect_us integer,
                    tls_us integer,
                    request_us integer,
                    first_byte_us integer,
                    transfer_us integer,
                    total_us integer,
                    bytes integer,
                    collector_id integer,
                    location_id smallint NOT NULL,
                    outcome smallint NOT NULL,
                    status_code smallint,
                    flags smallint NOT NULL,
                    match text,
                    error text,
                    CONSTRAINT "PK_probe_result" PRIMARY KEY (target_id, location_id, scheduled_at)
                ) PARTITION BY RANGE (scheduled_at);
                """);

            migrationBuilder.CreateTable(
                name: "state_change",
                columns: table => new
                {
                    target_id = table.Column<long>(type: "bigint", nullable: false),
                    location_id = table.Column<short>(type: "smallint", nullable: false),
                    scheduled_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    from_health = table.Column<short>(type: "smallint", nullable: true),
                    to_health = table.Column<short>(type: "smallint", nullable: false),
                    outcome = table.Column<short>(type: "smallint", nullable: false),
                    published_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_state_change", x => new { x.target_id, x.location_id, x.scheduled_at });
                });

            migrationBuilder.CreateTable(
                name: "target",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    key = table.Column<string>(type: "text", nullable: false),
                    url = table.Column<string>(type: "text", nullable: false),
                    spec = table.Column<string>(type: "jsonb", nullable: false),
                    partition = table.Column<short>(type: "smallint", nullable: false),
                    revision = table.Column<long>(type: "bigint", nullable: false),
                    updated_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    deleted_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_target", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "target_state",
                columns: table => new
                {
                    target_id = table.Column<long>(type: "bigint", nullable: false),
                    location_id = table.Column<short>(type: "smallint", nullable: false),
                    health = table.Column<short>(type: "smallint", nullable: false),
                    since = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    scheduled_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    outcome = table.Column<short>(type: "smallint", nullable: false),
                    status_code = table.Column<short>(type: "smallint", nullable: true),
                    total_us = table.Column<int>(type: "integer", nullable: true),
                    error = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_target_state", x => new { x.target_id, x.location_id });
                });

            migrationBuilder.CreateTable(
                name: "target_version",
                columns: table => new
                {
                    target_id = table.Column<long>(type: "bigint", nullable: false),
                    revision = table.Column<long>(type: "bigint", nullable: false),
                    spec = table.Column<string>(type: "jsonb", nullable: false),
                    partition = table.Column<short>(type: "smallint", nullable: false),
                    valid_from = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    valid_to = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_target_version", x => new { x.target_id, x.revision });
                });

            migrationBuilder.CreateTable(
                name: "topology",
                columns: table => new
                {
                    id = table.Column<short>(type: "smallint", nullable: false),
                    partitions = table.Column<short>(type: "smallint", nullable: false),
                    revision = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_topology", x => x.id);
                });

            migrationBuilder.InsertData(
                table: "outcome",
                columns: new[] { "code", "class", "name" },
                values: new object[,]
                {
                    { (short)10, "executed", "up" },
                    { (short)15, "executed", "degraded" },
                    { (short)20, "executed", "name_not_found" },
                    { (short)21, "executed", "connect_failed" },
                    { (short)22, "executed", "tls_failed" },
                    { (short)23, "executed", "timeout" },
                    { (short)24, "executed", "protocol_error" },
                    { (short)25, "executed", "bad_status" },
                    { (short)26, "executed", "no_match" },
                    { (short)27, "executed", "too_large" },
                    { (short)29, "executed", "unprobeable" },
                    { (short)50, "observer_fault", "resolver_fault" },
                    { (short)51, "observer_fault", "resource_fault" },
                    { (short)52, "observer_fault", "network_fault" },
                    { (short)53, "observer_fault", "paused_fault" },
                    { (short)54, "observer_fault", "internal_fault" },
                    { (short)60, "missed", "expired" },
                    { (short)61, "missed", "lost" },
                    { (short)62, "missed", "undeliverable" },
                    { (short)63, "missed", "clock" },
                    { (short)64, "missed", "not_planned" }
                });

            migrationBuilder.CreateIndex(
                name: "IX_collector_name",
                table: "collector",
                column: "name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_location_name",
                table: "location",
                column: "name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_plan_window_starts_at",
                table: "plan_window",
                column: "starts_at");

            migrationBuilder.CreateIndex(
                name: "ix_plan_window_unpublished",
                table: "plan_window",
                column: "lease_until",
                filter: "published_at IS NULL");

            migrationBuilder.CreateIndex(
                name: "IX_probe_result_scheduled_at",
                table: "probe_result",
                column: "scheduled_at")
                .Annotation("Npgsql:IndexMethod", "brin");

            migrationBuilder.CreateIndex(
                name: "IX_target_key",
                table: "target",
                column: "key",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_target_revision",
                table: "target",
                column: "revision");

            // The Python program's tables, for whoever reads those.
            migrationBuilder.Sql("""
                CREATE VIEW urls AS
                    SELECT key AS url_id, url, spec ->> 'interval' AS interval, spec ->> 'regex' AS regex FROM target WHERE deleted_at IS NULL;
                CREATE VIEW stats AS
                    SELECT t.key AS url_id, r.status_code AS status,
                           r.scheduled_at + r.lateness_us * interval '1 microsecond' AS request_ts,
                           r.scheduled_at + (r.lateness_us + r.total_us) * interval '1 microsecond' AS responce_ts,
                           r.match AS regex_mach
                    FROM probe_result r JOIN target t ON t.id = r.target_id WHERE r.outcome < 50;
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("DROP VIEW stats;");
            migrationBuilder.Sql("DROP VIEW urls;");

            migrationBuilder.DropTable(
                name: "collector");

            migrationBuilder.DropTable(
                name: "location");

            migrationBuilder.DropTable(
                name: "outcome");

            migrationBuilder.DropTable(
                name: "parked_result");

            migrationBuilder.DropTable(
                name: "plan_cursor");

            migrationBuilder.DropTable(
                name: "plan_gap");

            migrationBuilder.DropTable(
                name: "plan_window");

            migrationBuilder.DropTable(
                name: "probe_result");

            migrationBuilder.DropTable(
                name: "state_change");

            migrationBuilder.DropTable(
                name: "target");

            migrationBuilder.DropTable(
                name: "target_state");

            migrationBuilder.DropTable(
                name: "target_version");

            migrationBuilder.DropTable(
                name: "topology");
        }
    }
}
