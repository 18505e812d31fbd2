# What sizes and options make. terraform test needs seconds, and no AWS.

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
    condition     = !aws_db_instance.this.skip_final_snapshot
    error_message = "The database leaves a snapshot."
  }

  assert {
    condition     = aws_s3_bucket_versioning.archive.versioning_configuration[0].status == "Enabled"
    error_message = "What is overwritten in the archive can be had back."
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
    final_snapshot  = false
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
