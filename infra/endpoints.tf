# AWS's services from inside the VPC. The gateways are free; an interface costs 7.30 dollars a month and zone.

variable "extra_endpoints" {
  description = "Interface endpoints beside NAT, such as kinesis-streams: cheaper than NAT from some 200 GB a month and zone."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for service in var.extra_endpoints : can(regex("^[a-z0-9.-]+$", service)) && !contains(["dynamodb", "s3"], service)])
    error_message = "extra_endpoints are names like kinesis-streams; dynamodb and s3 have gateways."
  }
}

locals {
  # All that the tasks call and no gateway serves. Kinesis and Secrets Manager call KMS themselves; STS is only asked who
  # makes a key, and need not answer.
  # `email` is SES's API; not every region and zone has it.
  called_services     = ["ecr.api", "ecr.dkr", "email", "kinesis-streams", "logs", "secretsmanager"]
  interface_endpoints = var.egress == "endpoints" ? toset(local.called_services) : var.extra_endpoints
}

resource "aws_vpc_endpoint" "gateway" {
  for_each        = toset(["dynamodb", "s3"])
  vpc_id          = aws_vpc.this.id
  service_name    = "com.amazonaws.${var.region}.${each.key}"
  route_table_ids = [for table in aws_route_table.tasks : table.id]
  tags            = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each            = local.interface_endpoints
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for zone in local.exit_zones : aws_subnet.this["tasks-${zone}"].id]
  security_group_ids  = [aws_security_group.this["endpoints"].id]
  tags                = { Name = "${var.name}-${each.key}" }
}
