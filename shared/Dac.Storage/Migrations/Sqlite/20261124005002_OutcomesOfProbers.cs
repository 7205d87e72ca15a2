using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

#pragma warning disable CA1814 // Prefer jagged arrays over multidimensional

namespace Dac.Storage.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class OutcomesOfProbers : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.InsertData(
                table: "outcome",
                columns: new[] { "code", "class", "name" },
                values: new object[,]
                {
                    { (short)30, "executed", "unwanted_match" },
                    { (short)31, "executed", "header_mismatch" },
                    { (short)32, "executed", "assertion_failed" },
                    { (short)33, "executed", "too_many_redirects" },
                    { (short)34, "executed", "unexpected_answer" },
                    { (short)35, "executed", "bad_rcode" },
                    { (short)36, "executed", "not_serving" },
                    { (short)55, "observer_fault", "secret_fault" }
                });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DeleteData(
                table: "outcome",
                keyColumn: "code",
                keyValue: (short)30);

            migrationBuilder.DeleteData(
                table: "outcome",
                keyColumn: "code",
                keyValue: (short)31);

            migrationBuilder.DeleteData(
                table: "outcome",
                keyColumn: "code",
                keyValue: (short)32);

            migrationBuilder.DeleteData(
                table: "outcome",
                keyColumn: "code",
                keyValue: (short)33);

            migrationBuilder.DeleteData(
                table: "outcome",
                keyColumn: "code",
                keyValue: (short)34);

            migrationBuilder.DeleteData(
                table: "outcome",
                keyColumn: "code",
                keyValue: (short)35);

            migrationBuilder.DeleteData(
                table: "outcome",
                keyColumn: "code",
                keyValue: (short)36);

            migrationBuilder.DeleteData(
                table: "outcome",
                keyColumn: "code",
                keyValue: (short)55);
        }
    }
}
