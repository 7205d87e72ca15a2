using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Dac.Storage.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class OutcomeDenied : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.InsertData(
                table: "outcome",
                columns: new[] { "code", "class", "name" },
                values: new object[] { (short)28, "executed", "denied" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DeleteData(
                table: "outcome",
                keyColumn: "code",
                keyValue: (short)28);
        }
    }
}
