using Dac.Hosting;
using Dac.Writer;

return await DacHost.RunAsync("writer", args, "http://127.0.0.1:8083", builder =>
{
    builder.RequireBroker();
    builder.AddWriter();
});
