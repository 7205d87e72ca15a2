# One image for each service: docker build --target scheduler|collector|writer|web|standalone .
# `standalone` is everything in one process, and the command line with which compose and Kubernetes prepare the database.
# (No `# syntax=` line: it would ask a registry.)

FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /src
COPY .editorconfig BannedSymbols.txt Directory.Build.props Directory.Packages.props global.json ./
COPY shared shared
COPY services services
RUN --mount=type=cache,target=/root/.nuget/packages \
    dotnet restore services/Dac.Standalone/Dac.Standalone.csproj -v quiet \
 && for service in Scheduler Collector Writer Web Standalone; do \
      dotnet publish services/Dac.$service/Dac.$service.csproj -c Release --no-restore -v quiet --nologo \
        -p:RunAnalyzers=false -p:UseAppHost=false -p:DebugType=embedded -o /app/$service || exit 1; \
    done

FROM mcr.microsoft.com/dotnet/aspnet:10.0 AS service
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.vendor="DAC" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
WORKDIR /app
# Health, metrics and pages are at the same port in every container.
ENV ASPNETCORE_HTTP_PORTS=8080
EXPOSE 8080
USER $APP_UID
# The image has no curl: the program asks itself. Often while it starts, seldom afterwards: each check is a process.
HEALTHCHECK --interval=30s --timeout=20s --retries=3 --start-period=120s --start-interval=3s CMD exec dotnet "$DAC_PROGRAM" --health

FROM service AS scheduler
LABEL org.opencontainers.image.title="DAC scheduler" org.opencontainers.image.description="Plans every slot and publishes it"
ENV DAC_PROGRAM=Dac.Scheduler.dll
COPY --from=build /app/Scheduler .
ENTRYPOINT ["dotnet", "Dac.Scheduler.dll"]

FROM service AS collector
LABEL org.opencontainers.image.title="DAC collector" org.opencontainers.image.description="Probes each slot at its millisecond"
# What arrives on a socket is handled by the thread that saw it: a fifth less CPU per probe. And memory is collected each 32 MB (the number is hexadecimal),
# whatever the processor caches: commands wait for seconds, each collection passes over all of them, and no probe starts while it does (docs/configuration.md).
# And what is compiled is compiled in full at once: on a busy machine the thread that would do it later gets no turn.
ENV DAC_PROGRAM=Dac.Collector.dll DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS=1 DOTNET_GCgen0size=2000000 DOTNET_TC_QuickJit=0
COPY --from=build /app/Collector .
ENTRYPOINT ["dotnet", "Dac.Collector.dll"]

FROM service AS writer
LABEL org.opencontainers.image.title="DAC writer" org.opencontainers.image.description="Stores every result exactly once"
ENV DAC_PROGRAM=Dac.Writer.dll
COPY --from=build /app/Writer .
ENTRYPOINT ["dotnet", "Dac.Writer.dll"]

FROM service AS web
LABEL org.opencontainers.image.title="DAC web" org.opencontainers.image.description="API and live page"
ENV DAC_PROGRAM=Dac.Web.dll
COPY --from=build /app/Web .
ENTRYPOINT ["dotnet", "Dac.Web.dll"]

FROM service AS standalone
LABEL org.opencontainers.image.title="DAC" org.opencontainers.image.description="All services in one process, and the command line"
# As the collector; and native memory from one arena: most of it is the compiler's, which is idle after the start.
ENV DAC_PROGRAM=Dac.Standalone.dll DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS=1 DOTNET_GCgen0size=2000000 DOTNET_TC_QuickJit=0 MALLOC_ARENA_MAX=1
COPY --from=build /app/Standalone .
ENTRYPOINT ["dotnet", "Dac.Standalone.dll"]
