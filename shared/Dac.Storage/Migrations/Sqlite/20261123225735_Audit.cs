using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Dac.Storage.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class Audit : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<long>(
                name: "slots",
                table: "plan_gap",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.CreateIndex(
                name: "ix_plan_window_unaudited",
                table: "plan_window",
                column: "audit_after",
                filter: "audited_at IS NULL");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_plan_window_unaudited",
                table: "plan_window");

            migrationBuilder.DropColumn(
                name: "slots",
                table: "plan_gap");
        }
    }
}
