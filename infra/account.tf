# Where this deployment lives, and the beginnings of the ARNs that are known before their resources are.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# No local zones: they lack most of the services used here.
data "aws_availability_zones" "available" {
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  zones     = slice(sort(data.aws_availability_zones.available.names), 0, 2)

  # local.arn.sqs would be "arn:aws:sqs:<region>:<account>": what a resource's own ARN begins with.
  arn = {
    for service in ["dynamodb", "ec2", "ecs", "firehose", "logs", "rds-db", "secretsmanager", "ses", "cloudwatch"] :
    service => "arn:${local.partition}:${service}:${var.region}:${local.account}"
  }
}
