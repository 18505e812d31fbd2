# What a plan promises: terraform test, in seconds, without AWS.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1c", "eu-central-1a", "eu-central-1b"] }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_resource "aws_db_instance" {
    defaults = { address = "database.example.com", master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds" }] }
  }

  mock_resource "aws_ecr_repository" {
    defaults = { repository_url = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/repository" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/5a0b1f0e-0000-0000-0000-000000000000" }
  }

  mock_resource "aws_apigatewayv2_api" {
    defaults = { id = "api" }
  }

  mock_resource "aws_lb_target_group" {
    defaults = { arn_suffix = "targetgroup/payment-analytics-producer/1", arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/payment-analytics-producer/1" }
  }

  mock_resource "aws_lb" {
    defaults = { arn_suffix = "app/payment-analytics/1", arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/payment-analytics/1" }
  }

  mock_resource "aws_security_group" {
    defaults = { id = "sg-0" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:payment-analytics-alarms" }
  }
}

variables {
  alert_sender     = "alerts@example.com"
  alert_recipients = ["fraud-desk@example.com"]
  producer_tag     = "p1"
  consumer_tag     = "c1"
}

run "production_survives_a_zone_and_a_slip_of_the_hand" {
  command = plan

  assert {
    condition     = aws_ecs_service.producer.desired_count == 2 && aws_ecs_service.consumer.desired_count == 2
    error_message = "Two producers and two consumers."
  }

  assert {
    condition     = [for name, subnet in aws_subnet.this : subnet.availability_zone if startswith(name, "tasks-")] == ["eu-central-1a", "eu-central-1b"]
    error_message = "Tasks run in two zones."
  }

  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-central-1a", "eu-central-1b"]
    error_message = "Each of the first two zones has its own way out."
  }

  assert {
    condition     = aws_db_instance.this.multi_az && aws_db_instance.this.backup_retention_period == 7
    error_message = "The database has a standby and a week of backups."
  }

  assert {
    condition     = aws_db_instance.this.deletion_protection && aws_lb.this.enable_deletion_protection
    error_message = "Database and load balancer refuse to be deleted."
  }

  assert {
    condition     = !aws_s3_bucket.archive.force_destroy && alltrue([for repository in aws_ecr_repository.this : !repository.force_delete])
    error_message = "A full bucket or repository refuses to be deleted."
  }

  assert {
    condition     = !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == "payment-analytics-final"
    error_message = "The database leaves a snapshot."
  }

  assert {
    condition     = aws_s3_bucket_versioning.archive.versioning_configuration[0].status == "Enabled"
    error_message = "What is overwritten in the archive can be had back."
  }
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
    condition     = [for name in keys(aws_ecs_task_definition.this) : name] == ["consumer", "consumer-tool", "keys", "migrate", "producer"]
    error_message = "Services, migrations, tools and keys have a task each."
  }

  assert {
    condition = {
      for task in values(aws_ecs_task_definition.this) : task.family => [for container in jsondecode(task.container_definitions) : container.name]
      } == {
      payment-analytics-producer      = ["producer"]
      payment-analytics-consumer      = ["consumer", "notifier"]
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

run "development_is_one_of_each" {
  command = plan

  variables {
    size = "development"
  }

  assert {
    condition     = aws_ecs_service.producer.desired_count == 1 && aws_ecs_service.consumer.desired_count == 1 && length(aws_nat_gateway.this) == 1 && length(aws_route.nat) == 2
    error_message = "One producer, one consumer, one NAT gateway for both zones."
  }

  assert {
    condition     = aws_db_instance.this.instance_class == "db.t4g.micro" && !aws_db_instance.this.multi_az
    error_message = "The smallest database, without a standby."
  }

  assert {
    condition     = !aws_db_instance.this.deletion_protection && aws_s3_bucket.archive.force_destroy
    error_message = "It is easy to remove."
  }

  assert {
    condition     = one([for setting in aws_ecs_cluster.this.setting : setting.value]) == "disabled" && !can(aws_cloudwatch_log_group.this["insights"])
    error_message = "Nothing is paid for Container Insights."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["consumer-tasks"].namespace == "AWS/ECS" && aws_cloudwatch_metric_alarm.this["consumer-tasks"].treat_missing_data == "breaching"
    error_message = "That no consumer runs is told without Container Insights too."
  }
}

run "endpoints_close_the_way_to_the_internet" {
  command = plan

  variables {
    egress = "endpoints"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_internet_gateway.this) == 0 && length(aws_route.nat) == 0 && length(aws_route.internet) == 0
    error_message = "No way to the internet."
  }

  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "ecr.dkr", "email", "kinesis-streams", "logs", "secretsmanager"]
    error_message = "Every service that the tasks call has an endpoint."
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.nat) == 0
    error_message = "No task may open a connection to an address outside."
  }
}

run "options_do_what_they_say" {
  command = plan

  variables {
    stream_shards   = 2
    consumer_tasks  = { cpu = 1024, memory = 2048, min = 3, max = 8 }
    waf             = true
    access_logs     = true
    before_services = "./before_services.sh"
    final_snapshot  = ""
  }

  assert {
    condition     = aws_kinesis_stream.transactions.shard_count == 2 && aws_kinesis_stream.transactions.stream_mode_details[0].stream_mode == "PROVISIONED"
    error_message = "Shards are provisioned."
  }

  assert {
    condition     = aws_appautoscaling_target.this["consumer"].max_capacity == 2 && aws_appautoscaling_target.this["consumer"].min_capacity == 2
    error_message = "There are never more consumers than shards."
  }

  assert {
    condition     = aws_wafv2_web_acl_association.this[0].resource_arn == aws_lb.this.arn && aws_cloudwatch_log_group.this["waf"].name == "aws-waf-logs-payment-analytics"
    error_message = "A firewall stands before the load balancer, and its log has the name that WAF demands."
  }

  assert {
    condition     = !strcontains(lower(aws_apigatewayv2_stage.this.access_log_settings[0].format), "header") && !strcontains(lower(aws_apigatewayv2_stage.this.access_log_settings[0].format), "body")
    error_message = "Access logs hold no header and no body."
  }

  assert {
    condition     = length(terraform_data.before_services[0].triggers_replace) == 2
    error_message = "Another migration or another keys task runs before the services."
  }

  assert {
    condition     = aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == null
    error_message = "The last snapshot can be left out."
  }
}

run "a_region_is_a_region" {
  command = plan

  variables {
    region = "Frankfurt"
  }

  expect_failures = [var.region]
}

run "senseless_values_are_refused_at_once" {
  command = plan

  variables {
    name                     = "Payments_"
    size                     = "huge"
    cpu_architecture         = "arm"
    producer_tag             = "a b"
    consumer_tag             = ""
    log_level                = "TRACE"
    log_retention_days       = 42
    vpc_cidr                 = "10.0.0.0/28"
    egress                   = "proxy"
    extra_endpoints          = ["s3"]
    stream_shards            = -1
    archive_buffer           = { size_mib = 1024, seconds = 10 }
    alert_sender             = "Alerts <alerts@example.com>"
    alert_recipients         = []
    alarm_recipients         = ["nobody"]
    digest_interval_seconds  = 0
    final_snapshot           = "-"
    database_snapshot        = "a b"
    zones                    = ["eu-central-1a"]
    api_throttle             = { rate = 0, burst = 0 }
    waf_requests_per_address = 1
    producer_tasks           = { cpu = 300, memory = 512, min = 1, max = 1 }
    consumer_tasks           = { cpu = 256, memory = 512, min = 2, max = 1 }
    database                 = { class = "t4g.small", multi_az = true, max_storage_gb = 10 }
  }

  expect_failures = [
    var.name, var.size, var.cpu_architecture, var.producer_tag, var.consumer_tag, var.log_level, var.log_retention_days,
    var.vpc_cidr, var.egress, var.extra_endpoints, var.stream_shards, var.archive_buffer, var.alert_sender, var.alert_recipients,
    var.alarm_recipients, var.digest_interval_seconds, var.final_snapshot, var.database_snapshot, var.zones,
    var.api_throttle, var.waf_requests_per_address, var.producer_tasks, var.consumer_tasks, var.database,
  ]
}
