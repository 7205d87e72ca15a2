using System.Diagnostics.CodeAnalysis;
using System.Net.Mime;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Dac.Contracts;
using MassTransit;
using MassTransit.Serialization;

namespace Dac.Hosting;

/// <summary>
/// The messages on the wire as <see cref="ContractJson"/> has them, without an envelope: a batch is envelope enough. MassTransit's own raw JSON would indent
/// them and write each null, several times the bytes; and it reads them into a document that lives, beside the message, until that is acknowledged.
/// What is no contract (MassTransit's own reports of faults) is left to it.
/// </summary>
internal sealed class ContractSerializer : SystemTextJsonRawMessageSerializer, ISerializerFactory, IMessageSerializer, IMessageDeserializer
{
    private static readonly JsonElement NoDocument = JsonSerializer.SerializeToElement("");

    /// <inheritdoc/>
    public IMessageSerializer CreateSerializer() => this;

    /// <inheritdoc/>
    public IMessageDeserializer CreateDeserializer() => this;

    MessageBody IMessageSerializer.GetMessageBody<T>(SendContext<T> context)
    {
        if (ContractJson.Default.GetTypeInfo(typeof(T)) is not JsonTypeInfo<T> type)
            return GetMessageBody(context);
        SetRawMessageHeaders(context);
        return new BytesMessageBody(JsonSerializer.SerializeToUtf8Bytes(context.Message, type));
    }

    ConsumeContext IMessageDeserializer.Deserialize(ReceiveContext receiveContext) =>
        new BodyConsumeContext(receiveContext, Read(receiveContext.Body, receiveContext.TransportHeaders, receiveContext.InputAddress));

    SerializerContext IMessageDeserializer.Deserialize(MessageBody body, Headers headers, Uri? destinationAddress) => Read(body, headers, destinationAddress);

    private Received Read(MessageBody body, Headers headers, Uri? destination) =>
        new(ContentType, new RawMessageContext(headers, destination!, RawSerializerOptions.Default), headers.GetMessageTypes(), body);

    private sealed class Received(ContentType contentType, MessageContext context, string[] types, MessageBody body)
        : SystemTextJsonRawSerializerContext(SystemTextJsonMessageSerializer.Instance, SystemTextJsonMessageSerializer.Options, contentType, context, types, RawSerializerOptions.Default, NoDocument)
    {
        public override bool TryGetMessage<T>([NotNullWhen(true)] out T? message)
            where T : class
        {
            message = ContractJson.Default.GetTypeInfo(typeof(T)) is JsonTypeInfo<T> type ? ContractJson.Read(body.GetBytes(), type) : null;
            return message is not null;
        }
    }
}
