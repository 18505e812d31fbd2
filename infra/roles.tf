# One role a job, and who may take it. What each may do stands in permissions.tf and permissions_of_aws.tf.

locals {
  # By which each of AWS's services proves that it works for this account, and for nobody else's resources.
  trusted = {
    ecs = {
      principal = "ecs-tasks.amazonaws.com"
      proof     = { "aws:SourceAccount" = local.account, "aws:SourceArn" = "${local.arn.ecs}:*" }
    }
    firehose = {
      principal = "firehose.amazonaws.com"
      proof     = { "sts:ExternalId" = local.account }
    }
    flow = {
      principal = "vpc-flow-logs.amazonaws.com"
      proof     = { "aws:SourceAccount" = local.account, "aws:SourceArn" = "${local.arn.ec2}:vpc-flow-log/*" }
    }
  }

  roles = {
    # Start containers: pull images, write logs; for the migrations also hand out the owner's password.
    execution         = { service = "ecs", policy = data.aws_iam_policy_document.execution.json }
    migrate-execution = { service = "ecs", policy = data.aws_iam_policy_document.migrate_execution.json }
    # What the containers themselves may do; the migrations call nothing of AWS and have no role.
    producer      = { service = "ecs", policy = data.aws_iam_policy_document.producer.json }
    consumer      = { service = "ecs", policy = data.aws_iam_policy_document.consumer.json }
    consumer-tool = { service = "ecs", policy = data.aws_iam_policy_document.consumer_tool.json }
    console       = { service = "ecs", policy = data.aws_iam_policy_document.console.json }
    console-tool  = { service = "ecs", policy = data.aws_iam_policy_document.console_tool.json }
    keys          = { service = "ecs", policy = data.aws_iam_policy_document.keys.json }
    # AWS's own services.
    firehose = { service = "firehose", policy = data.aws_iam_policy_document.firehose.json }
    flow     = { service = "flow", policy = data.aws_iam_policy_document.flow.json }
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = local.trusted

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value.principal]
    }

    dynamic "condition" {
      for_each = each.value.proof

      content {
        test     = condition.key == "aws:SourceArn" ? "ArnLike" : "StringEquals"
        variable = condition.key
        values   = [condition.value]
      }
    }
  }
}

# Roles belong to the account: the region keeps two deployments of one name apart.
resource "aws_iam_role" "this" {
  for_each           = local.roles
  name               = "${var.name}-${var.region}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.value.service].json
}

resource "aws_iam_role_policy" "this" {
  for_each = local.roles
  name     = "access"
  role     = aws_iam_role.this[each.key].id
  policy   = each.value.policy
}
