# What wakes somebody, and what to do then: the description is the first page of the runbook.

locals {
  of_stream   = { StreamName = aws_kinesis_stream.transactions.name }
  of_delivery = { DeliveryStreamName = aws_kinesis_firehose_delivery_stream.archive.name }
  of_api      = { ApiId = aws_apigatewayv2_api.this.id }
  of_targets  = { LoadBalancer = aws_lb.this.arn_suffix, TargetGroup = aws_lb_target_group.producer.arn_suffix }
  of_database = { DBInstanceIdentifier = aws_db_instance.this.identifier }
  of_mail     = { "ses:configuration-set" = aws_ses_configuration_set.this.name }
  of_service = {
    for name in ["consumer", "producer"] : name => { ClusterName = aws_ecs_cluster.this.name, ServiceName = name }
  }

  # Container Insights counts tasks. Without it there is the number of CPU samples: one or more for each task.
  running_tasks = local.size.container_insights ? {
    metric = ["ECS/ContainerInsights", "RunningTaskCount"], statistic = "Minimum"
    } : {
    metric = ["AWS/ECS", "CPUUtilization"], statistic = "SampleCount"
  }

  # A table is easier to survey than blocks: metric, of what, statistic, bound, so many minutes (or `periods` of `minutes`),
  # and what a missing value means: nothing, unless silence is the fault.
  alarms = merge(local.pipe_alarms, local.outcome_alarms, local.resource_alarms)

  pipe_alarms = {
    api-5xx = {
      metric = ["AWS/ApiGateway", "5xx"], of = local.of_api, statistic = "Sum", above = 5, minutes = 5
      action = "Clients are refused. 503 with Retry-After: look at write-throttled and unavailable. 502 or 504: look at the producer's tasks and at the log group /${var.name}/producer. Clients resend, so nothing accepted is lost."
    }
    api-slow = {
      metric = ["AWS/ApiGateway", "Latency"], of = local.of_api, statistic = "p99", above = 2000, minutes = 5
      action = "One request in 100 takes more than 2 seconds. Compare Latency with IntegrationLatency: if both are high, look at the producer's CPU and at write-throttled, and raise producer_tasks.max."
    }
    no-producer = {
      metric = ["AWS/ApplicationELB", "HealthyHostCount"], of = local.of_targets, statistic = "Maximum", below = 1, minutes = 2, missing = "breaching"
      action = "No producer is ready, so every request fails. Look at the stopped tasks of the service producer and at the log group /${var.name}/producer; after a deployment, go back to the producer_tag before."
    }
    producer-tasks = {
      metric = local.running_tasks.metric, of = local.of_service.producer, statistic = local.running_tasks.statistic, below = local.size.producer.min, minutes = 10, missing = "breaching"
      action = "Fewer producers run than are asked for. The events of the service producer say why: no image, no capacity in a zone, health checks. After a deployment, go back to the producer_tag before."
    }
    write-throttled = {
      metric = ["AWS/Kinesis", "WriteProvisionedThroughputExceeded"], of = local.of_stream, statistic = "Sum", above = 0, minutes = 5
      action = "The stream refuses records; producers retry, and answer 503 in the end. Raise stream_shards, or set it to 0 (on-demand). If few senders make most of the load, their shard is hot and more shards do not help."
    }
    read-throttled = {
      metric = ["AWS/Kinesis", "ReadProvisionedThroughputExceeded"], of = local.of_stream, statistic = "Sum", above = 0, minutes = 15
      action = "More readers than consumer and Firehose poll the stream (5 reads a second and shard in all). Find the other reader, or give it enhanced fan-out."
    }
    iterator-age = {
      metric = ["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds"], of = local.of_stream, statistic = "Maximum", above = 60000, minutes = 5
      action = "Records wait for more than a minute; they are kept for 7 days. If archive-stale is in alarm too, it is Firehose that is behind. Else look at the consumer's tasks, at the database and at the log group /${var.name}/consumer; a database that is down is waited out."
    }
    consumer-tasks = {
      metric = local.running_tasks.metric, of = local.of_service.consumer, statistic = local.running_tasks.statistic, below = local.consumer_tasks.min, minutes = 10, missing = "breaching"
      action = "Fewer consumers run than are asked for. Look at the events of the service consumer and at the log group /${var.name}/consumer: a consumer that refuses to start names the repair. After a deployment, go back to the consumer_tag before."
    }
    archive-stale = {
      metric = ["AWS/Firehose", "DeliveryToS3.DataFreshness"], of = local.of_delivery, statistic = "Maximum", above = var.archive_buffer.seconds + 600, minutes = 15
      action = "The archive lags; the stream keeps records for 7 days. Look at the log group /${var.name}/firehose: a missing permission on the bucket or the key, most often. Firehose goes on by itself."
    }
    archive-errors = {
      metric = ["AWS/Logs", "IncomingLogEvents"], of = { LogGroupName = aws_cloudwatch_log_group.this["firehose"].name }, statistic = "Sum", above = 0, minutes = 5, periods = 1
      action = "Firehose could not deliver. The log group /${var.name}/firehose says why; what it gave up stands in the archive bucket below errors/. Put it below transactions/ by hand once the cause is gone."
    }
  }

  outcome_alarms = {
    unavailable = {
      metric = [var.name, "Unavailable"], of = { Service = "producer" }, statistic = "Sum", above = 0, minutes = 5
      action = "Transactions were answered as unavailable: not known to be durable. Clients resend them. Look at write-throttled and at Kinesis's error codes in the log group /${var.name}/producer."
    }
    dead-letters = {
      metric = [var.name, "OpenDeadLetters"], of = { Service = "notifier" }, statistic = "Maximum", above = 0, minutes = 5, periods = 1
      action = "Lines of the stream could not be evaluated. The table dead_letters has their bytes and the reason. Mend the cause, replay the hours they are from (infra/run_task.sh ${var.name}-consumer-tool replay s3://…), and set their state to redriven or discarded: then this alarm can tell of the next."
    }
    outbox-age = {
      metric = [var.name, "OldestPendingAlertSeconds"], of = { Service = "notifier" }, statistic = "Maximum", above = 2 * var.digest_interval_seconds + 600, minutes = 10, missing = "breaching"
      action = "Alerts wait, or no notifier tells of them. Look in the log group /${var.name}/consumer for the notifier: SES's quota, a sender that is not verified, a stopped account. If the notifier is gone, force a new deployment of the service consumer."
    }
    failed-emails = {
      metric = [var.name, "FailedEmails"], of = { Service = "notifier" }, statistic = "Maximum", above = 0, minutes = 5, periods = 1
      action = "SES refused e-mails for good. The table emails has the reason. Mend the address or the sender, then: infra/run_task.sh ${var.name}-consumer-tool emails retry"
    }
    mail-bounces = {
      metric = ["AWS/SES", "Reputation.BounceRate"], of = local.of_mail, statistic = "Maximum", above = 0.05, minutes = 60, periods = 1
      action = "More than 5 % of the mail bounces; at 10 % AWS stops the account from sending. The messages of this topic name the addresses: take them out of alert_recipients."
    }
    mail-complaints = {
      metric = ["AWS/SES", "Reputation.ComplaintRate"], of = local.of_mail, statistic = "Maximum", above = 0.001, minutes = 60, periods = 1
      action = "Recipients call the alerts spam; at 0.5 % AWS stops the account from sending. The messages of this topic name them: take them out of alert_recipients."
    }
  }

  resource_alarms = {
    database-storage = {
      metric = ["AWS/RDS", "FreeStorageSpace"], of = local.of_database, statistic = "Minimum", below = 3 * 1024 * 1024 * 1024, minutes = 15, missing = "breaching"
      action = "Less than 3 GiB are free, and the storage did not grow by itself: raise database.max_storage_gb. A full database is waited out, but the stream keeps records for 7 days only."
    }
    database-cpu = {
      metric = ["AWS/RDS", "CPUUtilization"], of = local.of_database, statistic = "Average", above = 80, minutes = 15
      action = "The database is busy. Performance Insights shows with what: users' queries, most often. Else take a larger database.class."
    }
    database-connections = {
      metric = ["AWS/RDS", "DatabaseConnections"], of = local.of_database, statistic = "Maximum", above = local.connections, minutes = 10
      action = "More connections than shards and notifiers explain (one each). pg_stat_activity names them in application_name. A db.t4g.micro takes about 80, a db.t4g.small about 170."
    }
  }

  # One a shard, also while an old task stops and a new one starts, notifiers, health checks and people.
  connections = max(50, 2 * local.shards + 30)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.action
  namespace           = each.value.metric[0]
  metric_name         = each.value.metric[1]
  dimensions          = each.value.of
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = can(each.value.above) ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = try(each.value.above, each.value.below)
  # Either a value that is bad for so many minutes, or one bad value in as many.
  period             = can(each.value.periods) ? each.value.minutes * 60 : 60
  evaluation_periods = try(each.value.periods, each.value.minutes)
  treat_missing_data = try(each.value.missing, "notBreaching")
  # Of few requests one slow one is no percentile.
  evaluate_low_sample_count_percentiles = startswith(each.value.statistic, "p") ? "ignore" : null
  alarm_actions                         = [aws_sns_topic.alarms.arn]
  ok_actions                            = [aws_sns_topic.alarms.arn]

  depends_on = [aws_sns_topic_policy.alarms]
}
