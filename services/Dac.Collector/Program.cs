using Dac.Collector;
using Dac.Hosting;

return await DacHost.RunAsync("collector", args, "http://127.0.0.1:8082", builder =>
{
    builder.RequireBroker();
    builder.AddCollector();
});
