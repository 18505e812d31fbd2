# What holds at either size. terraform test needs seconds, and no AWS.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  alert_sender     = "alerts@example.com"
  alert_recipients = ["fraud-desk@example.com"]
  producer_tag     = "p1"
  consumer_tag     = "c1"
}

run "everything_is_private_hardened_and_without_secrets" {
  command = plan

  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted && aws_lb.this.internal
    error_message = "Database and load balancer are inside, and the database is encrypted."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.flow : rule.cidr_ipv4 == null && rule.referenced_security_group_id != null])
    error_message = "Nothing is let in by address, only by security group."
  }

  assert {
    condition     = alltrue([for service in [aws_ecs_service.producer, aws_ecs_service.consumer] : !service.network_configuration[0].assign_public_ip])
    error_message = "No task has a public address."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.kms_key_id == aws_kms_key.this.arn && group.retention_in_days == 365])
    error_message = "Every log group is encrypted and forgets."
  }

  assert {
    condition     = aws_kinesis_stream.transactions.encryption_type == "KMS" && aws_kms_key.this.enable_key_rotation
    error_message = "The stream is encrypted with a key that rotates."
  }

  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "rds.force_ssl=1")
    error_message = "The database takes TLS connections alone."
  }

  assert {
    condition = alltrue(flatten([
      for task in aws_ecs_task_definition.this : [
        for container in jsondecode(task.container_definitions) :
        container.user == "10001:10001" && container.readonlyRootFilesystem && container.linuxParameters.capabilities.drop == ["ALL"]
      ]
    ]))
    error_message = "Each container runs without root, without capabilities and on a read-only root."
  }

  assert {
    condition     = [for name in keys(aws_ecs_task_definition.this) : name] == ["console", "console-tool", "consumer", "consumer-tool", "keys", "migrate", "producer"]
    error_message = "Services, migrations, tools and keys have a task each."
  }

  assert {
    condition = {
      for task in values(aws_ecs_task_definition.this) : task.family => [for container in jsondecode(task.container_definitions) : container.name]
      } == {
      payment-analytics-producer      = ["producer"]
      payment-analytics-consumer      = ["consumer", "notifier"]
      payment-analytics-console       = ["console"]
      payment-analytics-console-tool  = ["console-tool"]
      payment-analytics-migrate       = ["migrate"]
      payment-analytics-consumer-tool = ["tool"]
      payment-analytics-keys          = ["keys"]
    }
    error_message = "Families and containers have the names by which one-off tasks are started."
  }

  assert {
    condition = alltrue([
      for task in aws_ecs_task_definition.this :
      sum([for container in jsondecode(task.container_definitions) : container.memory]) <= tonumber(task.memory)
    ])
    error_message = "The containers of a task fit into its memory."
  }

  assert {
    condition = [
      for setting in jsondecode(aws_ecs_task_definition.this["consumer"].container_definitions)[0].environment : setting.value if setting.name == "JAVA_OPTIONS"
    ] == ["-Xmx680m"]
    error_message = "Of 1,792 MiB KCL's heap has as much as ten shards need, and leaves as much as their children do."
  }

  assert {
    condition = tonumber(one([
      for setting in jsondecode(aws_ecs_task_definition.this["producer"].container_definitions)[0].environment : setting.value if setting.name == "SHUTDOWN_DELAY_SECONDS"
    ])) > tonumber(aws_lb_target_group.producer.deregistration_delay)
    error_message = "A producer serves until the load balancer has let go."
  }

  assert {
    condition = {
      for container in concat(jsondecode(aws_ecs_task_definition.this["producer"].container_definitions), jsondecode(aws_ecs_task_definition.this["consumer"].container_definitions)) :
      container.name => container.stopTimeout
    } == { producer = 60, consumer = 45, notifier = 45 }
    error_message = "Each container has the time that its stop takes."
  }

  assert {
    condition     = [for container in jsondecode(aws_ecs_task_definition.this["consumer"].container_definitions) : container.essential] == [true, false]
    error_message = "A notifier that fails does not stop the consumer."
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null && aws_db_instance.this.iam_database_authentication_enabled
    error_message = "RDS keeps the owner's password, and services log in by IAM."
  }

  assert {
    condition = [
      for task in values(aws_ecs_task_definition.this) : task.family
      if anytrue([for container in jsondecode(task.container_definitions) : can(container.secrets)])
    ] == ["payment-analytics-migrate"]
    error_message = "Only the migrations are handed a secret."
  }

  assert {
    condition     = aws_ecs_task_definition.this["migrate"].task_role_arn == null
    error_message = "The migrations call nothing of AWS."
  }

  assert {
    condition     = keys(aws_apigatewayv2_route.this) == ["GET /openapi.json", "POST /collector/transactions"]
    error_message = "Two routes are open, and no other."
  }

  assert {
    condition     = length(aws_wafv2_web_acl.this) == 0 && length(terraform_data.before_services) == 0 && length(aws_apigatewayv2_stage.this.access_log_settings) == 0
    error_message = "What is not asked for is not made."
  }
}

run "an_older_image_runs_on" {
  command = plan

  variables {
    producer_tag = "older"
  }

  assert {
    condition     = endswith(jsondecode(aws_ecs_task_definition.this["producer"].container_definitions)[0].image, ":older") && endswith(jsondecode(aws_ecs_task_definition.this["consumer"].container_definitions)[0].image, ":c1")
    error_message = "Each service goes back by itself."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE"])
    error_message = "A tag means the same image for ever."
  }

  assert {
    condition     = alltrue([for service in [aws_ecs_service.producer, aws_ecs_service.consumer] : service.deployment_circuit_breaker[0].enable && service.deployment_circuit_breaker[0].rollback])
    error_message = "A deployment that fails goes back."
  }
}

run "the_pipe_is_archived_watched_and_shown" {
  command = plan

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.archive.extended_s3_configuration[0].prefix == "transactions/dt=!{timestamp:yyyy-MM-dd}/hr=!{timestamp:HH}/"
    error_message = "Objects lie by day and hour."
  }

  assert {
    condition     = length(aws_kinesis_firehose_delivery_stream.archive.extended_s3_configuration[0].processing_configuration) == 0
    error_message = "Records are archived as they are, with their own line feed."
  }

  assert {
    condition     = one([for column in aws_glue_catalog_table.transactions.storage_descriptor[0].columns : column.type if column.name == "amount"]) == "string"
    error_message = "Amounts are exact."
  }

  assert {
    condition     = aws_kinesis_stream.transactions.retention_period == 168 && aws_kinesis_stream.transactions.stream_mode_details[0].stream_mode == "ON_DEMAND"
    error_message = "The stream keeps a week and grows by itself."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_description) > 80 && length(alarm.alarm_description) <= 1024 && alarm.alarm_actions == toset([aws_sns_topic.alarms.arn])])
    error_message = "Each alarm goes to the topic, with words."
  }

  assert {
    condition = length(setsubtract([
      "iterator-age", "write-throttled", "archive-stale", "archive-errors", "api-5xx", "api-slow", "producer-tasks", "consumer-tasks",
      "dead-letters", "outbox-age", "failed-emails", "database-storage", "database-cpu", "database-connections", "mail-bounces",
    ], keys(aws_cloudwatch_metric_alarm.this))) == 0
    error_message = "There is an alarm for every stage of the pipe."
  }

  assert {
    condition     = toset([for alarm in aws_cloudwatch_metric_alarm.this : alarm.metric_name if alarm.namespace == "payment-analytics"]) == toset(["FailedEmails", "OldestPendingAlertSeconds", "OpenDeadLetters", "Unavailable"])
    error_message = "The domain's alarms watch what the services tell."
  }

  assert {
    condition     = [for column in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : column.x if column.type == "text"] == [0, 4, 8, 12, 16, 20]
    error_message = "The dashboard shows the pipe from left to right."
  }
}
