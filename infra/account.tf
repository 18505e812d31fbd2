# Where this deployment lives, and the beginnings of the ARNs that are known before their resources are.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# Whatever their present state: a zone that fails must not move the subnets.
data "aws_availability_zones" "available" {
  # checkov:skip=CKV_AWS_394:The first two by name are used, and a new zone's name comes after the others
  # These have no VPC links, or are closed to newer accounts.
  exclude_zone_ids = ["ape1-az1", "apne1-az3", "cac1-az3", "use1-az3", "usw1-az2"]

  # No local zones: they lack most of what is used here.
  filter {
    name   = "zone-type"
    values = ["availability-zone"]
  }
}

variable "zones" {
  description = "The two availability zones; not to be changed once deployed. null: the first two that have all that is used here."
  type        = list(string)
  default     = null

  validation {
    condition = var.zones == null ? true : alltrue(concat(
      [length(var.zones) == 2, length(distinct(var.zones)) == 2],
      [for zone in var.zones : startswith(zone, var.region)],
    ))
    error_message = "zones are two different ones of the region, like eu-central-1a and eu-central-1b."
  }
}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  zones     = coalesce(var.zones, slice(sort(data.aws_availability_zones.available.names), 0, 2))

  # local.arn.ecs is "arn:aws:ecs:<region>:<account>": what a resource's own part is put behind.
  arn = {
    for service in ["cloudwatch", "dynamodb", "ec2", "ecs", "logs", "rds-db", "secretsmanager", "ses"] :
    service => "arn:${local.partition}:${service}:${var.region}:${local.account}"
  }
}
