import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";

// The exporter retries and the processor flushes on hiding, both by themselves.
export const start = (origin) => {
  const exporter = new OTLPLogExporter({ url: `${origin}/v1/logs` });
  const processor = new BatchLogRecordProcessor({ exporter });
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ "service.name": "bench" }),
    processors: [processor],
  });
  const logger = provider.getLogger("bench");
  const emit = (severityNumber, severityText) => (body) =>
    logger.emit({ severityNumber, severityText, body });
  return { log: emit(SeverityNumber.INFO, "INFO"), error: emit(SeverityNumber.ERROR, "ERROR") };
};
