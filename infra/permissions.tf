# What each role may do: the actions that its code calls, each on the thing that it calls them for.
# The key is usable only through the service whose data it protects.

locals {
  # KCL's application: also the name of its lease table, beside which KCL 3.1 makes two more.
  application = "${var.name}-anomalies"
  lease_table = "${local.arn.dynamodb}:table/${local.application}"
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "RegistryLogin"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # the action knows no resource
  }

  statement {
    sid       = "PullImages"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [for repository in aws_ecr_repository.this : repository.arn]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for name in ["consumer", "migrate", "producer", "tools"] : "${aws_cloudwatch_log_group.this[name].arn}:*"]
  }
}

data "aws_iam_policy_document" "migrate_execution" {
  source_policy_documents = [data.aws_iam_policy_document.execution.json]

  statement {
    sid       = "OwnerPassword"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.master_secret_arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "producer" {
  statement {
    sid       = "Publish"
    actions   = ["kinesis:PutRecords"]
    resources = [aws_kinesis_stream.transactions.arn]
  }

  statement {
    sid       = "ReadKeys"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.api_keys.arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["kinesis.${var.region}.amazonaws.com", "secretsmanager.${var.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "consumer" {
  statement {
    sid = "ReadStream"
    actions = [
      "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator",
      "kinesis:ListShards",
    ]
    resources = [aws_kinesis_stream.transactions.arn]
  }

  statement {
    sid = "Leases"
    actions = [
      "dynamodb:CreateTable", "dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem",
      "dynamodb:Scan", "dynamodb:UpdateItem", "dynamodb:UpdateTable",
    ]
    resources = [local.lease_table, "${local.lease_table}-CoordinatorState", "${local.lease_table}-WorkerMetricStats"]
  }

  statement {
    sid       = "LeasesByOwner"
    actions   = ["dynamodb:Query"]
    resources = ["${local.lease_table}/index/*"]
  }

  statement {
    sid       = "DatabaseLogin"
    actions   = ["rds-db:connect"]
    resources = ["${local.arn["rds-db"]}:dbuser:${aws_db_instance.this.resource_id}/${local.database_role}"]
  }

  # In SES's sandbox the recipients' identities are asked as well.
  statement {
    sid     = "SendAlerts"
    actions = ["ses:SendRawEmail"]
    resources = concat(
      ["${local.arn.ses}:configuration-set/${aws_ses_configuration_set.this.name}"],
      [for identity in local.mail_identities : "${local.arn.ses}:identity/${identity}"],
    )

    condition {
      test     = "StringEquals"
      variable = "ses:FromAddress"
      values   = [var.alert_sender]
    }
  }

  statement {
    sid       = "MailQuota"
    actions   = ["ses:GetSendQuota"]
    resources = ["*"] # the action knows no resource
  }

  # `replay`, in the consumer-tool task.
  statement {
    sid       = "ListArchive"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.archive.arn]
  }

  statement {
    sid       = "ReadArchive"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.archive.arn}/transactions/*"]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["kinesis.${var.region}.amazonaws.com", "s3.${var.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "keys" {
  # CreateSecret is how both are first written to; where there is one, AWS answers that it exists.
  statement {
    sid = "WriteKeys"
    actions = [
      "secretsmanager:CreateSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
      "secretsmanager:UpdateSecretVersionStage",
    ]
    resources = [aws_secretsmanager_secret.api_keys.arn, local.api_key_secret_arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "firehose" {
  statement {
    sid       = "ReadStream"
    actions   = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
    resources = [aws_kinesis_stream.transactions.arn]
  }

  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [aws_s3_bucket.archive.arn]
  }

  statement {
    sid       = "WriteArchive"
    actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    resources = [for prefix in ["errors", "transactions"] : "${aws_s3_bucket.archive.arn}/${prefix}/*"]
  }

  statement {
    sid       = "TellErrors"
    actions   = ["logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this["firehose"].arn}:log-stream:*"]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["kinesis.${var.region}.amazonaws.com", "s3.${var.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "flow" {
  statement {
    sid       = "WriteFlowLogs"
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this["flow"].arn}:*"]
  }
}
