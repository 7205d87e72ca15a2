using Dac.Hosting;
using Dac.Web;

return await DacHost.RunAsync("web", args, "http://127.0.0.1:8080", builder => builder.AddWeb(), app => app.MapWeb());
