# What our containers may do: the actions that their code calls, each on the thing that it calls them for.
# The key is usable only through the service whose data it protects.

locals {
  # KCL's application: also the name of its lease table, beside which KCL 3.1 makes two more.
  application = "${var.name}-anomalies"
  lease_table = "${local.arn.dynamodb}:table/${local.application}"

  # By a token of IAM, as one of the two roles that the migrations made.
  database_user  = "${local.arn["rds-db"]}:dbuser:${aws_db_instance.this.resource_id}"
  database_login = "${local.database_user}/${local.database_role}"
  console_login  = "${local.database_user}/${local.console_role}"

  # Addresses, and the domains by which they may have been verified. In SES's sandbox it asks for the recipients' too.
  mail_addresses  = concat([var.alert_sender], var.alert_recipients)
  mail_identities = distinct(concat(local.mail_addresses, [for address in local.mail_addresses : split("@", address)[1]]))
}

data "aws_iam_policy_document" "producer" {
  statement {
    sid       = "Publish"
    actions   = ["kinesis:ListShards", "kinesis:PutRecords"]
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

# Both containers: the consumer and the notifier.
data "aws_iam_policy_document" "consumer" {
  statement {
    sid       = "ReadStream"
    actions   = ["kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
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
    sid       = "ReadRules"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.archive.arn}/rules/*"]
  }

  # Without it S3 forbids what is not there yet, instead of saying so.
  statement {
    sid       = "ListRules"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.archive.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["rules/*"]
    }
  }

  statement {
    sid       = "DatabaseLogin"
    actions   = ["rds-db:connect"]
    resources = [local.database_login]
  }

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

# `progress` compares leases and database, `replay` and `audit` read the archive, and this also what the stream has left;
# `rules publish` writes the rules.
data "aws_iam_policy_document" "consumer_tool" {
  statement {
    sid       = "ReadStream"
    actions   = ["kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
    resources = [aws_kinesis_stream.transactions.arn]
  }

  statement {
    sid       = "ReadLeases"
    actions   = ["dynamodb:Scan"]
    resources = [local.lease_table]
  }

  statement {
    sid       = "DatabaseLogin"
    actions   = ["rds-db:connect"]
    resources = [local.database_login]
  }

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
    sid       = "PublishRules"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.archive.arn}/rules/*"]
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

# Shows what is left in the stream, the rules and the archive; what it writes is in the database.
data "aws_iam_policy_document" "console" {
  statement {
    sid       = "ReadStream"
    actions   = ["kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
    resources = [aws_kinesis_stream.transactions.arn]
  }

  statement {
    sid       = "DatabaseLogin"
    actions   = ["rds-db:connect"]
    resources = [local.console_login]
  }

  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.archive.arn]
  }

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.archive.arn}/rules/*", "${aws_s3_bucket.archive.arn}/transactions/*"]
  }

  statement {
    sid       = "WriteKeys"
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
    resources = [aws_secretsmanager_secret.api_keys.arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["kinesis.${var.region}.amazonaws.com", "s3.${var.region}.amazonaws.com", "secretsmanager.${var.region}.amazonaws.com"]
    }
  }
}

# `users`, and the secret that a first password is put into.
data "aws_iam_policy_document" "console_tool" {
  statement {
    sid       = "DatabaseLogin"
    actions   = ["rds-db:connect"]
    resources = [local.console_login]
  }

  statement {
    sid       = "HandOver"
    actions   = ["secretsmanager:CreateSecret", "secretsmanager:PutSecretValue"]
    resources = [local.console_password_arn]
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

data "aws_iam_policy_document" "keys" {
  statement {
    sid = "WriteKeys"
    actions = [
      "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
      "secretsmanager:UpdateSecretVersionStage",
    ]
    resources = [aws_secretsmanager_secret.api_keys.arn, local.api_key_secret_arn]
  }

  # Of the first key's clear text, which is how that is first written to; the secret of the hashes is Terraform's.
  statement {
    sid       = "MakeSecret"
    actions   = ["secretsmanager:CreateSecret"]
    resources = [local.api_key_secret_arn]
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
