using Dac.Hosting;
using Dac.Scheduler;

return await DacHost.RunAsync("scheduler", args, "http://127.0.0.1:8081", builder =>
{
    builder.RequireBroker();
    builder.AddScheduler();
});
