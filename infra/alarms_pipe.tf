# The way of a transaction: API, producer, stream, consumer, archive.

locals {
  # Container Insights counts tasks. Without it there are CPU samples: one or more a minute for each task.
  running_tasks = local.size.container_insights ? {
    metric    = ["ECS/ContainerInsights", "RunningTaskCount"]
    statistic = "Minimum"
    } : {
    metric    = ["AWS/ECS", "CPUUtilization"]
    statistic = "SampleCount"
  }

  pipe_alarms = {
    api-5xx = {
      metric    = ["AWS/ApiGateway", "5xx"]
      of        = local.of_api
      statistic = "Sum"
      above     = 5
      minutes   = 5
      action = [
        "Clients are refused; they send again, so nothing accepted is lost.",
        "503 with Retry-After: look at the alarms write-throttled and unavailable.",
        "502 or 504: look at the producer's tasks and at the log group /${var.name}/producer.",
      ]
    }

    api-slow = {
      metric    = ["AWS/ApiGateway", "Latency"]
      of        = local.of_api
      statistic = "p99"
      above     = 2000
      minutes   = 5
      action = [
        "One request in 100 takes more than 2 seconds.",
        "If IntegrationLatency is high too, look at the producer's CPU and at write-throttled.",
        "If it is the CPU, raise the max of producer_tasks.",
      ]
    }

    no-producer = {
      metric    = ["AWS/ApplicationELB", "HealthyHostCount"]
      of        = local.of_targets
      statistic = "Maximum"
      below     = 1
      minutes   = 2
      missing   = "breaching"
      action = [
        "No producer is ready, so every request fails.",
        "Look at the stopped tasks of the service producer and at the log group /${var.name}/producer.",
        "After a deployment, go back to the producer_tag before.",
      ]
    }

    producer-tasks = {
      metric    = local.running_tasks.metric
      of        = local.of_service.producer
      statistic = local.running_tasks.statistic
      below     = local.size.producer.min
      minutes   = 10
      missing   = "breaching"
      action = [
        "Fewer producers run than are asked for.",
        "The events of the service producer say why: no image, no capacity in a zone, failing health checks.",
        "After a deployment, go back to the producer_tag before.",
      ]
    }

    write-throttled = {
      metric    = ["AWS/Kinesis", "WriteProvisionedThroughputExceeded"]
      of        = local.of_stream
      statistic = "Sum"
      above     = 0
      minutes   = 5
      action = [
        "The stream refuses records; producers try again, and answer 503 in the end.",
        "Raise stream_shards, or set it to 0 (on-demand).",
        "If few senders make most of the load, their shard is hot, and more shards help little.",
      ]
    }

    read-throttled = {
      metric    = ["AWS/Kinesis", "ReadProvisionedThroughputExceeded"]
      of        = local.of_stream
      statistic = "Sum"
      above     = 0
      minutes   = 15
      action = [
        "More than the consumer and Firehose read the stream: 5 reads a second and shard are all there is.",
        "Find the other reader, or give it enhanced fan-out.",
      ]
    }

    iterator-age = {
      metric    = ["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds"]
      of        = local.of_stream
      statistic = "Maximum"
      above     = 60000
      minutes   = 5
      action = [
        "Records wait for more than a minute; the stream keeps them for 7 days.",
        "If archive-stale is in alarm too, it is Firehose that is behind.",
        "Else look at the consumer's tasks, at the database and at the log group /${var.name}/consumer.",
        "A database that is down is waited out.",
      ]
    }

    consumer-tasks = {
      metric    = local.running_tasks.metric
      of        = local.of_service.consumer
      statistic = local.running_tasks.statistic
      below     = local.consumer_tasks.min
      minutes   = 10
      missing   = "breaching"
      action = [
        "Fewer consumers run than are asked for.",
        "Look at the events of the service consumer and at the log group /${var.name}/consumer.",
        "A consumer that refuses to start names the repair.",
        "After a deployment, go back to the consumer_tag before.",
      ]
    }

    archive-stale = {
      metric    = ["AWS/Firehose", "DeliveryToS3.DataFreshness"]
      of        = local.of_delivery
      statistic = "Maximum"
      above     = var.archive_buffer.seconds + 600
      minutes   = 15
      action = [
        "The archive lags; the stream keeps records for 7 days.",
        "Look at the log group /${var.name}/firehose: most often it is a permission on the bucket or the key.",
        "Firehose goes on by itself.",
      ]
    }

    # Firehose writes there for nothing else.
    archive-errors = {
      metric    = ["AWS/Logs", "IncomingLogEvents"]
      of        = { LogGroupName = aws_cloudwatch_log_group.this["firehose"].name }
      statistic = "Sum"
      above     = 0
      minutes   = 5
      periods   = 1
      action = [
        "Firehose could not deliver; the log group /${var.name}/firehose says why.",
        "What it gave up stands in the archive's bucket below errors/.",
        "Mend the cause, then copy it below transactions/.",
      ]
    }
  }
}
