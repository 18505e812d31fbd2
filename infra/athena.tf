# SQL over the archive. Partitions are computed from the keys, so that a new hour can be queried at once and nothing crawls.

locals {
  # The wire contract's fields in lower case, as the SerDe reads them. All but the version are text: `amount` too, since
  # text is exact whoever reads it, and a decimal column only as exact as the reader's parser. Cast it when it is read.
  archive_columns = {
    v               = "int"
    trxid           = "string"
    amount          = "string"
    senderid        = "string"
    receiverid      = "string"
    senderiban      = "string"
    receiveriban    = "string"
    senderbankid    = "string"
    receiverbankid  = "string"
    transactiondate = "string"
    receivedat      = "string"
  }
  archive_column_order = [
    "v", "trxid", "amount", "senderid", "receiverid", "senderiban", "receiveriban", "senderbankid", "receiverbankid",
    "transactiondate", "receivedat",
  ]
  archive_location = "s3://${aws_s3_bucket.archive.bucket}/transactions"
}

resource "aws_glue_catalog_database" "archive" {
  name = replace(var.name, "-", "_")
}

resource "aws_glue_catalog_table" "transactions" {
  name          = "transactions"
  database_name = aws_glue_catalog_database.archive.name
  description   = "Every accepted transaction, by the UTC hour in which it reached the stream; at least once"
  table_type    = "EXTERNAL_TABLE"

  parameters = {
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
      for_each = local.archive_column_order

      content {
        name = columns.value
        type = local.archive_columns[columns.value]
      }
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

# The query to begin with: exact amounts, real times, each transaction once.
resource "aws_athena_named_query" "transactions" {
  name        = "transactions-of-an-hour"
  description = "Exact amounts and real times; a transaction that was delivered twice appears once"
  workgroup   = aws_athena_workgroup.archive.id
  database    = aws_glue_catalog_database.archive.name
  query       = <<-SQL
    SELECT DISTINCT trxid,
                    CAST(amount AS decimal(38, 18)) AS amount,
                    senderid, receiverid, senderiban, receiveriban, senderbankid, receiverbankid,
                    from_iso8601_timestamp(transactiondate) AS transaction_date,
                    from_iso8601_timestamp(receivedat) AS received_at
    FROM transactions
    WHERE dt = date_format(now() AT TIME ZONE 'UTC', '%Y-%m-%d')
      AND hr = date_format(now() AT TIME ZONE 'UTC', '%H')
    ORDER BY received_at
  SQL
}
