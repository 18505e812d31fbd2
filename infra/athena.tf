# SQL over the archive. Partitions are computed from the keys, so that a new hour can be queried at once and nothing crawls.

locals {
  # The wire contract's fields, in lower case as the SerDe compares them, with what they hold. Amounts are text, as on the
  # wire: text is exact whoever reads it, a decimal column only as exact as the reader's parser.
  archive_columns = [
    { name = "v", type = "int", comment = "Version of the line's schema" },
    { name = "trxid", type = "string", comment = "Transaction, a UUID; a client that resends makes a second line" },
    { name = "amount", type = "string", comment = "Exact: CAST(amount AS decimal(38,18))" },
    { name = "senderid", type = "string", comment = "Paying party" },
    { name = "receiverid", type = "string", comment = "Paid party" },
    { name = "senderiban", type = "string", comment = "Account paid from; may be masked" },
    { name = "receiveriban", type = "string", comment = "Account paid to; may be masked" },
    { name = "senderbankid", type = "string", comment = "Bank of the paying party" },
    { name = "receiverbankid", type = "string", comment = "Bank of the paid party" },
    { name = "transactiondate", type = "string", comment = "By the client's clock: from_iso8601_timestamp(transactiondate)" },
    { name = "receivedat", type = "string", comment = "By the producer's clock: from_iso8601_timestamp(receivedat)" },
  ]

  archive_location = "s3://${aws_s3_bucket.archive.bucket}/transactions"

  archive_partitions = {
    "EXTERNAL"                    = "TRUE"
    "projection.enabled"          = "true"
    "projection.dt.type"          = "date"
    "projection.dt.format"        = "yyyy-MM-dd"
    "projection.dt.range"         = "2026-01-01,NOW"
    "projection.dt.interval"      = "1"
    "projection.dt.interval.unit" = "DAYS"
    "projection.hr.type"          = "integer"
    "projection.hr.range"         = "0,23"
    "projection.hr.digits"        = "2"
    "storage.location.template"   = "${local.archive_location}/dt=$${dt}/hr=$${hr}/"
  }
}

resource "aws_glue_catalog_database" "archive" {
  name = replace(var.name, "-", "_")
}

resource "aws_glue_catalog_table" "transactions" {
  name          = "transactions"
  database_name = aws_glue_catalog_database.archive.name
  description   = "Every accepted transaction, by the UTC hour in which it reached the stream; at least once"
  table_type    = "EXTERNAL_TABLE"
  parameters    = local.archive_partitions

  partition_keys {
    name = "dt"
    type = "string"
  }

  partition_keys {
    name = "hr"
    type = "string"
  }

  storage_descriptor {
    location      = "${local.archive_location}/"
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

    ser_de_info {
      serialization_library = "org.openx.data.jsonserde.JsonSerDe"
      # One bad line is a row of nulls and does not fail the query.
      parameters = { "ignore.malformed.json" = "true" }
    }

    dynamic "columns" {
      for_each = local.archive_columns

      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}

# For `rules backtest --engine athena`, which itself says what a line means.
resource "aws_glue_catalog_table" "lines" {
  name          = "lines"
  database_name = aws_glue_catalog_database.archive.name
  description   = "The same objects, line by line as they are"
  table_type    = "EXTERNAL_TABLE"
  parameters    = local.archive_partitions

  partition_keys {
    name = "dt"
    type = "string"
  }

  partition_keys {
    name = "hr"
    type = "string"
  }

  storage_descriptor {
    location      = "${local.archive_location}/"
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
      # No JSON has it: the whole line is the one column.
      parameters = { "field.delim" = "\u0001" }
    }

    columns {
      name    = "line"
      type    = "string"
      comment = "One transaction, JSON"
    }
  }
}

resource "aws_athena_workgroup" "archive" {
  name          = var.name
  description   = "Queries over the archive of ${var.name}"
  force_destroy = true

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    # 0.50 dollars a query at most: a forgotten WHERE dt = … stops there.
    bytes_scanned_cutoff_per_query = 100 * 1024 * 1024 * 1024

    result_configuration {
      output_location = "s3://${aws_s3_bucket.archive.bucket}/athena/"

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = aws_kms_key.this.arn
      }
    }
  }
}
