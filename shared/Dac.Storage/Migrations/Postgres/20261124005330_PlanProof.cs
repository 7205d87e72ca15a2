using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Dac.Storage.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class PlanProof : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<long>(
                name: "revision_to",
                table: "target_version",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "planned_at",
                table: "plan_window",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "unexplained",
                table: "plan_window",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<bool>(
                name: "unexplained",
                table: "plan_cursor",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<int>(
                name: "clock_offset_ms",
                table: "collector",
                type: "integer",
                nullable: true);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "seen_at",
                table: "collector",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.CreateIndex(
                name: "IX_target_version_partition_revision",
                table: "target_version",
                columns: new[] { "partition", "revision" });

            migrationBuilder.CreateIndex(
                name: "IX_target_version_partition_revision_to",
                table: "target_version",
                columns: new[] { "partition", "revision_to" });

            // What ended a version: the target's next one, or its deletion.
            migrationBuilder.Sql("""
                UPDATE target_version SET revision_to = coalesce(
                    (SELECT min(n.revision) FROM target_version n WHERE n.target_id = target_version.target_id AND n.revision > target_version.revision),
                    (SELECT t.revision FROM target t WHERE t.id = target_version.target_id))
                WHERE valid_to IS NOT NULL
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_target_version_partition_revision",
                table: "target_version");

            migrationBuilder.DropIndex(
                name: "IX_target_version_partition_revision_to",
                table: "target_version");

            migrationBuilder.DropColumn(
                name: "revision_to",
                table: "target_version");

            migrationBuilder.DropColumn(
                name: "planned_at",
                table: "plan_window");

            migrationBuilder.DropColumn(
                name: "unexplained",
                table: "plan_window");

            migrationBuilder.DropColumn(
                name: "unexplained",
                table: "plan_cursor");

            migrationBuilder.DropColumn(
                name: "clock_offset_ms",
                table: "collector");

            migrationBuilder.DropColumn(
                name: "seen_at",
                table: "collector");
        }
    }
}
