# The cluster, what runs before the services at each deployment, and the three services.

resource "aws_ecs_cluster" "this" {
  # checkov:skip=CKV_AWS_65:Enabled in production, and off in development, where it would cost more than the tasks tell
  name = var.name

  setting {
    name  = "containerInsights"
    value = local.size.container_insights ? "enabled" : "disabled"
  }

  # Container Insights would make its group itself.
  depends_on = [aws_cloudwatch_log_group.this]
}

# Migrations and the first key, as one-off tasks. If one fails, the apply stops here and the old services run on.
resource "terraform_data" "before_services" {
  count            = var.before_services == "" ? 0 : 1
  triggers_replace = [for task in ["migrate", "keys"] : aws_ecs_task_definition.this[task].arn]

  provisioner "local-exec" {
    interpreter = ["bash"]
    command     = var.before_services
    environment = local.before_services
  }

  # A task starts only where it reaches registry, logs, secrets and database, and is allowed to.
  depends_on = [
    aws_iam_role_policy.this, aws_route.nat, aws_route_table_association.this, aws_vpc_endpoint.gateway,
    aws_vpc_endpoint.interface, aws_vpc_security_group_egress_rule.flow, aws_vpc_security_group_egress_rule.gateway,
    aws_vpc_security_group_egress_rule.nat, aws_vpc_security_group_ingress_rule.flow,
  ]
}

locals {
  before_services = {
    NAME               = var.name
    AWS_REGION         = var.region
    AWS_DEFAULT_REGION = var.region # the AWS command line's first version reads this one
    CLUSTER            = aws_ecs_cluster.this.name
    SUBNETS            = join(",", local.task_subnets)
    SECURITY_GROUP     = aws_security_group.this["tools"].id
    API_KEY_SECRET     = local.api_key_secret
  }
}

resource "aws_ecs_service" "producer" {
  name                              = "producer"
  cluster                           = aws_ecs_cluster.this.id
  task_definition                   = aws_ecs_task_definition.this["producer"].arn
  desired_count                     = local.size.producer.min
  launch_type                       = "FARGATE"
  availability_zone_rebalancing     = "ENABLED"
  health_check_grace_period_seconds = 60
  propagate_tags                    = "SERVICE"

  network_configuration {
    subnets          = local.task_subnets
    security_groups  = [aws_security_group.this["producer"].id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.producer.arn
    container_name   = "producer"
    container_port   = local.producer_port
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # The autoscaling's business from here on.
  lifecycle {
    ignore_changes = [desired_count]
  }

  # Firehose starts reading at the stream's end: what was published before it is active would not be archived.
  depends_on = [aws_kinesis_firehose_delivery_stream.archive, aws_lb_listener.http, terraform_data.before_services]
}

resource "aws_ecs_service" "consumer" {
  name                          = "consumer"
  cluster                       = aws_ecs_cluster.this.id
  task_definition               = aws_ecs_task_definition.this["consumer"].arn
  desired_count                 = local.consumer_tasks.min
  launch_type                   = "FARGATE"
  availability_zone_rebalancing = "ENABLED"
  propagate_tags                = "SERVICE"

  network_configuration {
    subnets          = local.task_subnets
    security_groups  = [aws_security_group.this["consumer"].id]
    assign_public_ip = false
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [terraform_data.before_services]
}

resource "aws_ecs_service" "console" {
  name                              = "console"
  cluster                           = aws_ecs_cluster.this.id
  task_definition                   = aws_ecs_task_definition.this["console"].arn
  desired_count                     = local.size.console.min
  launch_type                       = "FARGATE"
  availability_zone_rebalancing     = "ENABLED"
  health_check_grace_period_seconds = 60
  propagate_tags                    = "SERVICE"

  network_configuration {
    subnets          = local.task_subnets
    security_groups  = [aws_security_group.this["console"].id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.console.arn
    container_name   = "console"
    container_port   = local.console_port
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # A destroy.sh that did not go on has stopped it, and deploy.sh starts it again.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [aws_lb_listener.console, terraform_data.before_services]
}
