# Task definitions: which containers run together, how big, and as whom.

locals {
  tasks = {
    producer      = { containers = ["producer"], size = local.size.producer, role = "producer", execution = "execution" }
    consumer      = { containers = ["consumer", "notifier"], size = local.size.consumer, role = "consumer", execution = "execution" }
    console       = { containers = ["console"], size = local.size.console, role = "console", execution = "execution" }
    console-tool  = { containers = ["console-tool"], size = { cpu = 256, memory = 512 }, role = "console-tool", execution = "execution" }
    migrate       = { containers = ["migrate"], size = { cpu = 256, memory = 512 }, role = null, execution = "migrate-execution" }
    consumer-tool = { containers = ["tool"], size = { cpu = 256, memory = 1024 }, role = "consumer-tool", execution = "execution" }
    keys          = { containers = ["keys"], size = { cpu = 256, memory = 512 }, role = "keys", execution = "execution" }
  }

  # As ECS wants them. What a container leaves out is null here, and left out.
  container_definitions = {
    for name, container in local.containers : name => {
      for key, value in {
        name                   = name
        image                  = container.image
        command                = try(container.command, null)
        essential              = try(container.essential, true)
        memory                 = container.memory
        user                   = "10001:10001"
        readonlyRootFilesystem = true
        # An init of ECS's own passes signals on and buries what a stopped parent left behind.
        linuxParameters = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
        mountPoints     = [{ sourceVolume = "tmp-${name}", containerPath = "/tmp", readOnly = false }]
        portMappings    = try([{ containerPort = container.port, protocol = "tcp" }], null)
        environment     = [for setting, text in container.settings : { name = setting, value = text }]
        secrets         = try([for setting, arn in container.secrets : { name = setting, valueFrom = arn }], null)
        stopTimeout     = try(container.stop_seconds, 30)
        restartPolicy   = try(container.restarts, false) ? { enabled = true, restartAttemptPeriod = 60 } : null
        healthCheck = try({
          command     = concat(["CMD", "python", "-m"], container.health.command)
          interval    = container.health.interval
          timeout     = container.health.timeout
          retries     = 3
          startPeriod = container.health.start
        }, null)
        logConfiguration = {
          logDriver = "awslogs"
          options = {
            awslogs-group         = aws_cloudwatch_log_group.this[try(container.log_group, name)].name
            awslogs-region        = var.region
            awslogs-stream-prefix = "task"
            # Logs that cannot be delivered hold nothing up.
            mode            = "non-blocking"
            max-buffer-size = "4m"
          }
        }
      } : key => value if value != null
    }
  }
}

resource "aws_ecs_task_definition" "this" {
  for_each                 = local.tasks
  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.size.cpu
  memory                   = each.value.size.memory
  task_role_arn            = each.value.role == null ? null : aws_iam_role.this[each.value.role].arn
  execution_role_arn       = aws_iam_role.this[each.value.execution].arn
  container_definitions    = jsonencode([for name in each.value.containers : local.container_definitions[name]])
  # A deployment that fails goes back to the revision before, which ECS starts only while it is registered.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  dynamic "volume" {
    for_each = each.value.containers

    content {
      name = "tmp-${volume.value}"
    }
  }
}
