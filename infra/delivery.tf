# Firehose, from the stream into the bucket, whatever the consumer does.

variable "archive_buffer" {
  description = "Firehose writes an object when so many MiB (1 to 128) have come or so many seconds (60 to 900) have passed."
  type        = object({ size_mib = number, seconds = number })
  default     = { size_mib = 64, seconds = 300 }

  validation {
    condition = alltrue([
      var.archive_buffer.size_mib >= 1, var.archive_buffer.size_mib <= 128,
      var.archive_buffer.seconds >= 60, var.archive_buffer.seconds <= 900,
    ])
    error_message = "archive_buffer: size_mib is 1 to 128 and seconds 60 to 900."
  }
}

resource "aws_kinesis_firehose_delivery_stream" "archive" {
  name        = "${var.name}-archive"
  destination = "extended_s3"

  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.transactions.arn
    role_arn           = aws_iam_role.this["firehose"].arn
  }

  # No processor: every record ends with its own line feed, and AppendDelimiterToRecord would add a second.
  extended_s3_configuration {
    role_arn            = aws_iam_role.this["firehose"].arn
    bucket_arn          = aws_s3_bucket.archive.arn
    kms_key_arn         = aws_kms_key.this.arn
    compression_format  = "GZIP"
    file_extension      = ".ndjson.gz"
    buffering_size      = var.archive_buffer.size_mib
    buffering_interval  = var.archive_buffer.seconds
    prefix              = "transactions/dt=!{timestamp:yyyy-MM-dd}/hr=!{timestamp:HH}/"
    error_output_prefix = "errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/"

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.this["firehose"].name
      log_stream_name = aws_cloudwatch_log_stream.firehose.name
    }
  }

  depends_on = [aws_iam_role_policy.this, aws_s3_bucket_policy.archive]
}

resource "aws_cloudwatch_log_stream" "firehose" {
  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.this["firehose"].name
}
