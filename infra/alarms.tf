# What wakes somebody, and what to do then: an alarm's description is the first page of its runbook.
# The alarms themselves stand in alarms_pipe.tf and alarms_outcome.tf, as tables:
#   metric, of, statistic   what is measured
#   above or below          where it begins to be wrong
#   minutes                 for how long, minute by minute; with `periods`, one value over so many minutes is enough
#   missing                 what no value means: nothing, unless silence is the fault
#   action                  what it means and what to do, in sentences

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
  # What the services themselves tell, a line a minute in their logs.
  of_producer = { Service = "producer" }
  of_notifier = { Service = "notifier" }

  alarms = merge(local.pipe_alarms, local.outcome_alarms)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = join(" ", each.value.action)
  namespace           = each.value.metric[0]
  metric_name         = each.value.metric[1]
  dimensions          = each.value.of
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = can(each.value.above) ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = try(each.value.above, each.value.below)
  period              = can(each.value.periods) ? each.value.minutes * 60 : 60
  evaluation_periods  = try(each.value.periods, each.value.minutes)
  treat_missing_data  = try(each.value.missing, "notBreaching")
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  # Of few requests one slow one is no percentile.
  evaluate_low_sample_count_percentiles = startswith(each.value.statistic, "p") ? "ignore" : null

  depends_on = [aws_sns_topic_policy.alarms]
}
