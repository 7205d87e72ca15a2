using Dac.Hosting;
using Dac.Web;

var builder = DacHost.CreateBuilder("web", args, "http://127.0.0.1:8080");
builder.AddWeb();
return await DacHost.RunAsync(builder, app => app.MapWeb());
