# Who may open a connection to whom. Nothing else may, and nobody from outside.

locals {
  groups = {
    link          = "The API's way into the VPC"
    load-balancer = "Internal load balancer"
    producer      = "Producer tasks"
    consumer      = "Consumer tasks"
    console       = "Console tasks"
    visitors      = "Who may open the console: attach it to a VPN, a bastion"
    tools         = "One-off tasks: migrations, keys, tools"
    database      = "PostgreSQL"
    endpoints     = "Interface endpoints"
  }

  tasks_of_ours = ["producer", "consumer", "console", "tools"]

  flows = merge(
    {
      link-load-balancer     = { from = "link", to = "load-balancer", port = 80 }
      load-balancer-producer = { from = "load-balancer", to = "producer", port = local.producer_port }
      visitors-load-balancer = { from = "visitors", to = "load-balancer", port = local.console_listener_port }
      load-balancer-console  = { from = "load-balancer", to = "console", port = local.console_port }
      console-database       = { from = "console", to = "database", port = 5432 }
      consumer-database      = { from = "consumer", to = "database", port = 5432 }
      tools-database         = { from = "tools", to = "database", port = 5432 }
    },
    length(local.interface_endpoints) == 0 ? {} : {
      for group in local.tasks_of_ours : "${group}-endpoints" => { from = group, to = "endpoints", port = 443 }
    },
  )

  # S3 and DynamoDB by their gateways' prefix lists.
  gateway_flows = {
    for pair in setproduct(local.tasks_of_ours, ["dynamodb", "s3"]) :
    "${pair[0]}-${pair[1]}" => { from = pair[0], to = pair[1] }
  }
}

resource "aws_security_group" "this" {
  # checkov:skip=CKV2_AWS_5:Those of the tools and the visitors are attached by whoever starts or is one
  for_each    = local.groups
  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-${each.key}" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "flow" {
  for_each                     = local.flows
  description                  = "to ${each.value.to}"
  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "flow" {
  for_each                     = local.flows
  description                  = "from ${each.value.from}"
  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "gateway" {
  for_each          = local.gateway_flows
  description       = "to ${each.value.to}"
  security_group_id = aws_security_group.this[each.value.from].id
  prefix_list_id    = aws_vpc_endpoint.gateway[each.value.to].prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# AWS's other services have no prefix list: any address, but HTTPS alone.
resource "aws_vpc_security_group_egress_rule" "nat" {
  for_each          = var.egress == "nat" ? toset(local.tasks_of_ours) : toset([])
  description       = "to AWS's services"
  security_group_id = aws_security_group.this[each.key].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# What is made without a group falls into the default one, which lets nothing through.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
}
