# The bucket that keeps every transaction, for audits, repairs and Athena.

locals {
  # Spelled out, so that the bucket's policies are known before the bucket is.
  archive_name = "${var.name}-archive-${local.account}-${var.region}"
  archive_arn  = "arn:${local.partition}:s3:::${local.archive_name}"
}

resource "aws_s3_bucket" "archive" {
  # checkov:skip=CKV_AWS_18:Firehose alone writes here; CloudTrail's data events tell who reads, where that is wanted
  # checkov:skip=CKV_AWS_144:A copy in another region is the decision of whoever runs this
  # checkov:skip=CKV2_AWS_62:Nothing waits for objects; an alarm watches the delivery
  bucket        = local.archive_name
  force_destroy = !local.size.protect
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket                  = aws_s3_bucket.archive.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "archive" {
  bucket = aws_s3_bucket.archive.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    # One call of KMS for many objects.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id

  # Instant retrieval: Athena and a replay still read it at once.
  rule {
    id     = "cool-transactions"
    status = "Enabled"

    filter {
      prefix = "transactions/"
    }

    transition {
      days          = 90
      storage_class = "GLACIER_IR"
    }
  }

  rule {
    id     = "expire-query-results"
    status = "Enabled"

    filter {
      prefix = "athena/"
    }

    expiration {
      days = 14
    }
  }

  rule {
    id     = "expire-leftovers"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }

  depends_on = [aws_s3_bucket_versioning.archive]
}

data "aws_iam_policy_document" "archive_bucket" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"] # a denial: of whatever comes unencrypted
    resources = [local.archive_arn, "${local.archive_arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "archive" {
  bucket     = aws_s3_bucket.archive.id
  policy     = data.aws_iam_policy_document.archive_bucket.json
  depends_on = [aws_s3_bucket_public_access_block.archive]
}
