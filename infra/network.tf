# Two zones with three tiers each: public holds NAT gateways alone, tasks has a way out and none in, data has neither.

variable "vpc_cidr" {
  description = "IPv4 range of the VPC, /16 to /20."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 4, 15)) && can(regex("/(16|17|18|19|20)$", var.vpc_cidr))
    error_message = "vpc_cidr is an IPv4 range from /16 to /20, like 10.20.0.0/16."
  }
}

variable "egress" {
  description = "How tasks reach AWS: nat (33 dollars a month and zone) or endpoints (44, and no way to the internet at all)."
  type        = string
  default     = "nat"

  validation {
    condition     = contains(["nat", "endpoints"], var.egress)
    error_message = "egress is nat or endpoints."
  }
}

locals {
  tiers = ["public", "tasks", "data"]

  subnets = merge([
    for tier_number, tier in local.tiers : {
      for zone_number, zone in local.zones : "${tier}-${zone}" => {
        tier = tier
        zone = zone
        cidr = cidrsubnet(var.vpc_cidr, 4, tier_number * 4 + zone_number)
      }
    }
  ]...)

  task_subnets = [for zone in local.zones : aws_subnet.this["tasks-${zone}"].id]
  data_subnets = [for zone in local.zones : aws_subnet.this["data-${zone}"].id]

  exit_zones = local.size.nat_per_zone ? local.zones : slice(local.zones, 0, 1)
  nat_zones  = var.egress == "nat" ? toset(local.exit_zones) : toset([])
}

resource "aws_vpc" "this" {
  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

resource "aws_subnet" "this" {
  for_each          = local.subnets
  vpc_id            = aws_vpc.this.id
  availability_zone = each.value.zone
  cidr_block        = each.value.cidr
  tags              = { Name = "${var.name}-${each.key}" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-public" }
}

resource "aws_route_table" "tasks" {
  for_each = toset(local.zones)
  vpc_id   = aws_vpc.this.id
  tags     = { Name = "${var.name}-tasks-${each.key}" }
}

# Without a route of its own it holds the VPC's local one alone.
resource "aws_route_table" "data" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-data" }
}

resource "aws_route_table_association" "this" {
  for_each  = local.subnets
  subnet_id = aws_subnet.this[each.key].id
  route_table_id = {
    public = aws_route_table.public.id
    tasks  = aws_route_table.tasks[each.value.zone].id
    data   = aws_route_table.data.id
  }[each.value.tier]
}

resource "aws_internet_gateway" "this" {
  count  = var.egress == "nat" ? 1 : 0
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name }
}

resource "aws_route" "internet" {
  count                  = var.egress == "nat" ? 1 : 0
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_eip" "nat" {
  for_each   = local.nat_zones
  domain     = "vpc"
  tags       = { Name = "${var.name}-nat-${each.key}" }
  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  for_each      = local.nat_zones
  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.this["public-${each.key}"].id
  tags          = { Name = "${var.name}-${each.key}" }
  depends_on    = [aws_route.internet]
}

resource "aws_route" "nat" {
  for_each               = var.egress == "nat" ? toset(local.zones) : toset([])
  route_table_id         = aws_route_table.tasks[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[contains(local.exit_zones, each.key) ? each.key : local.exit_zones[0]].id
}

# Refused connections alone: what was let through is known from the security groups, and costs by the gigabyte.
resource "aws_flow_log" "this" {
  vpc_id                   = aws_vpc.this.id
  traffic_type             = "REJECT"
  max_aggregation_interval = 600
  iam_role_arn             = aws_iam_role.this["flow"].arn
  log_destination          = aws_cloudwatch_log_group.this["flow"].arn
  tags                     = { Name = var.name }
}
