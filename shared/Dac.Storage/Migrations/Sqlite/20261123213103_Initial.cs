using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

#pragma warning disable CA1814 // Prefer jagged arrays over multidimensional

namespace Dac.Storage.Migrations.Sqlite
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
                    id = table.Column<int>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    name = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_collector", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "location",
                columns: table => new
                {
                    id = table.Column<short>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    name = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_location", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "outcome",
                columns: table => new
                {
                    code = table.Column<short>(type: "INTEGER", nullable: false),
                    name = table.Column<string>(type: "TEXT", nullable: false),
                    @class = table.Column<string>(name: "class", type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_outcome", x => x.code);
                });

            migrationBuilder.CreateTable(
                name: "parked_result",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    parked_at = table.Column<long>(type: "INTEGER", nullable: false),
                    reason = table.Column<string>(type: "TEXT", nullable: false),
                    payload = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_parked_result", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "plan_cursor",
                columns: table => new
                {
                    partition = table.Column<short>(type: "INTEGER", nullable: false),
                    planned_until = table.Column<long>(type: "INTEGER", nullable: true),
                    revision = table.Column<long>(type: "INTEGER", nullable: false),
                    active_targets = table.Column<int>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_plan_cursor", x => x.partition);
                });

            migrationBuilder.CreateTable(
                name: "plan_gap",
                columns: table => new
                {
                    partition = table.Column<short>(type: "INTEGER", nullable: false),
                    from_time = table.Column<long>(type: "INTEGER", nullable: false),
                    to_time = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_plan_gap", x => new { x.partition, x.from_time });
                });

            migrationBuilder.CreateTable(
                name: "plan_window",
                columns: table => new
                {
                    partition = table.Column<short>(type: "INTEGER", nullable: false),
                    starts_at = table.Column<long>(type: "INTEGER", nullable: false),
                    planned = table.Column<int>(type: "INTEGER", nullable: false),
                    checksum = table.Column<long>(type: "INTEGER", nullable: false),
                    slot_targets = table.Column<string>(type: "TEXT", nullable: true),
                    slot_locations = table.Column<string>(type: "TEXT", nullable: true),
                    slot_offsets_ms = table.Column<string>(type: "TEXT", nullable: true),
                    revision = table.Column<long>(type: "INTEGER", nullable: false),
                    active_targets = table.Column<int>(type: "INTEGER", nullable: false),
                    attempt = table.Column<short>(type: "INTEGER", nullable: false),
                    lease_until = table.Column<long>(type: "INTEGER", nullable: false),
                    published_at = table.Column<long>(type: "INTEGER", nullable: true),
                    audit_after = table.Column<long>(type: "INTEGER", nullable: false),
                    audited_at = table.Column<long>(type: "INTEGER", nullable: true),
                    executed = table.Column<int>(type: "INTEGER", nullable: true),
                    observer_faults = table.Column<int>(type: "INTEGER", nullable: true),
                    missed = table.Column<int>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_plan_window", x => new { x.partition, x.starts_at });
                });

            migrationBuilder.CreateTable(
                name: "probe_result",
                columns: table => new
                {
                    target_id = table.Column<long>(type: "INTEGER", nullable: false),
                    location_id = table.Column<short>(type: "INTEGER", nullable: false),
                    scheduled_at = table.Column<long>(type: "INTEGER", nullable: false),
                    outcome = table.Column<short>(type: "INTEGER", nullable: false),
                    lateness_us = table.Column<int>(type: "INTEGER", nullable: true),
                    status_code = table.Column<short>(type: "INTEGER", nullable: true),
                    resolve_us = table.Column<int>(type: "INTEGER", nullable: true),
                    connect_us = table.Column<int>(type: "INTEGER", nullable: true),
                    tls_us = table.Column<int>(type: "INTEGER", nullable: true),
                    request_us = table.Column<int>(type: "INTEGER", nullable: true),
                    first_byte_us = table.Column<int>(type: "INTEGER", nullable: true),
                    transfer_us = table.Column<int>(type: "INTEGER", nullable: true),
                    total_us = table.Column<int>(type: "INTEGER", nullable: true),
                    bytes = table.Column<int>(type: "INTEGER", nullable: true),
                    tls_expires_at = table.Column<long>(type: "INTEGER", nullable: true),
                    match = table.Column<string>(type: "TEXT", nullable: true),
                    error = table.Column<string>(type: "TEXT", nullable: true),
                    collector_id = table.Column<int>(type: "INTEGER", nullable: true),
                    flags = table.Column<short>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_probe_result", x => new { x.target_id, x.location_id, x.scheduled_at });
                });

            migrationBuilder.CreateTable(
                name: "state_change",
                columns: table => new
                {
                    target_id = table.Column<long>(type: "INTEGER", nullable: false),
                    location_id = table.Column<short>(type: "INTEGER", nullable: false),
                    scheduled_at = table.Column<long>(type: "INTEGER", nullable: false),
                    from_health = table.Column<short>(type: "INTEGER", nullable: true),
                    to_health = table.Column<short>(type: "INTEGER", nullable: false),
                    outcome = table.Column<short>(type: "INTEGER", nullable: false),
                    published_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_state_change", x => new { x.target_id, x.location_id, x.scheduled_at });
                });

            migrationBuilder.CreateTable(
                name: "target",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    key = table.Column<string>(type: "TEXT", nullable: false),
                    url = table.Column<string>(type: "TEXT", nullable: false),
                    spec = table.Column<string>(type: "TEXT", nullable: false),
                    partition = table.Column<short>(type: "INTEGER", nullable: false),
                    revision = table.Column<long>(type: "INTEGER", nullable: false),
                    updated_at = table.Column<long>(type: "INTEGER", nullable: false),
                    deleted_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_target", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "target_state",
                columns: table => new
                {
                    target_id = table.Column<long>(type: "INTEGER", nullable: false),
                    location_id = table.Column<short>(type: "INTEGER", nullable: false),
                    health = table.Column<short>(type: "INTEGER", nullable: false),
                    since = table.Column<long>(type: "INTEGER", nullable: false),
                    scheduled_at = table.Column<long>(type: "INTEGER", nullable: false),
                    outcome = table.Column<short>(type: "INTEGER", nullable: false),
                    status_code = table.Column<short>(type: "INTEGER", nullable: true),
                    total_us = table.Column<int>(type: "INTEGER", nullable: true),
                    error = table.Column<string>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_target_state", x => new { x.target_id, x.location_id });
                });

            migrationBuilder.CreateTable(
                name: "target_version",
                columns: table => new
                {
                    target_id = table.Column<long>(type: "INTEGER", nullable: false),
                    revision = table.Column<long>(type: "INTEGER", nullable: false),
                    spec = table.Column<string>(type: "TEXT", nullable: false),
                    partition = table.Column<short>(type: "INTEGER", nullable: false),
                    valid_from = table.Column<long>(type: "INTEGER", nullable: false),
                    valid_to = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_target_version", x => new { x.target_id, x.revision });
                });

            migrationBuilder.CreateTable(
                name: "topology",
                columns: table => new
                {
                    id = table.Column<short>(type: "INTEGER", nullable: false),
                    partitions = table.Column<short>(type: "INTEGER", nullable: false),
                    revision = table.Column<long>(type: "INTEGER", nullable: false)
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
                column: "scheduled_at");

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
                """);
            migrationBuilder.Sql("""
                CREATE VIEW stats AS
                    SELECT t.key AS url_id, r.status_code AS status,
                           strftime('%Y-%m-%d %H:%M:%f', (r.scheduled_at + r.lateness_us / 1000.0) / 1000.0, 'unixepoch') AS request_ts,
                           strftime('%Y-%m-%d %H:%M:%f', (r.scheduled_at + (r.lateness_us + r.total_us) / 1000.0) / 1000.0, 'unixepoch') AS responce_ts,
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
