# One role a job, and who may take it. What each may do stands in permissions.tf.

locals {
  # Only these services, and only for things of this account and deployment: nobody else's can borrow a role.
  services = {
    ecs      = { principal = "ecs-tasks.amazonaws.com", source = "${local.arn.ecs}:*" }
    firehose = { principal = "firehose.amazonaws.com", source = "${local.arn.firehose}:deliverystream/${var.name}-archive" }
    flow     = { principal = "vpc-flow-logs.amazonaws.com", source = "${local.arn.ec2}:vpc-flow-log/*" }
  }

  roles = {
    # Start containers: pull images, write logs.
    execution         = { service = "ecs", policy = data.aws_iam_policy_document.execution.json }
    migrate-execution = { service = "ecs", policy = data.aws_iam_policy_document.migrate_execution.json }
    # What the containers themselves may do; the migrations call nothing of AWS and have no role.
    producer = { service = "ecs", policy = data.aws_iam_policy_document.producer.json }
    consumer = { service = "ecs", policy = data.aws_iam_policy_document.consumer.json }
    keys     = { service = "ecs", policy = data.aws_iam_policy_document.keys.json }
    # AWS's own services.
    firehose = { service = "firehose", policy = data.aws_iam_policy_document.firehose.json }
    flow     = { service = "flow", policy = data.aws_iam_policy_document.flow.json }
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = local.services

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value.principal]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [each.value.source]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each           = local.roles
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.value.service].json
}

resource "aws_iam_role_policy" "this" {
  for_each = local.roles
  name     = "access"
  role     = aws_iam_role.this[each.key].id
  policy   = each.value.policy
}
