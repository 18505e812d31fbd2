# How many tasks run: producers by requests and CPU, consumers by how far behind the stream's end they read.

locals {
  scaled = {
    producer = { min = local.size.producer.min, max = local.size.producer.max }
    consumer = local.consumer_tasks
  }

  # A share of CPU, and requests a minute: at one transaction each they take nearly half of a quarter vCPU (docs/benchmarks.md).
  producer_targets = {
    cpu      = { metric = "ECSServiceAverageCPUUtilization", value = 50, label = null }
    requests = { metric = "ALBRequestCountPerTarget", value = 36000, label = local.producer_targets_label }
  }
  producer_targets_label = "${aws_lb.this.arn_suffix}/${aws_lb_target_group.producer.arn_suffix}"

  # Ages in milliseconds. Half an hour of being up to date takes one task away, down to the least.
  consumer_steps = {
    behind    = { operator = "GreaterThanThreshold", age = 30000, minutes = 3, steps = local.more }
    caught-up = { operator = "LessThanThreshold", age = 5000, minutes = 30, steps = local.one_less }
  }
  # Counted from the age above: from five minutes on, two at once.
  more     = [{ from = 0, to = 270000, add = 1 }, { from = 270000, to = null, add = 2 }]
  one_less = [{ from = null, to = 0, add = -1 }]
}

resource "aws_appautoscaling_target" "this" {
  for_each           = local.scaled
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${each.key}"
  min_capacity       = each.value.min
  max_capacity       = each.value.max

  depends_on = [aws_ecs_service.consumer, aws_ecs_service.producer]
}

resource "aws_appautoscaling_policy" "producer" {
  for_each           = local.producer_targets
  name               = "${var.name}-producer-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = aws_appautoscaling_target.this["producer"].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.value
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
      resource_label         = each.value.label
    }
  }
}

# In steps, for an age is no utilisation that more tasks would divide.
resource "aws_appautoscaling_policy" "consumer" {
  for_each           = local.consumer_steps
  name               = "${var.name}-consumer-${each.key}"
  policy_type        = "StepScaling"
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = aws_appautoscaling_target.this["consumer"].resource_id

  step_scaling_policy_configuration {
    adjustment_type         = "ChangeInCapacity"
    metric_aggregation_type = "Maximum"
    cooldown                = 300 # a new task has its leases by then

    dynamic "step_adjustment" {
      for_each = each.value.steps

      content {
        metric_interval_lower_bound = step_adjustment.value.from
        metric_interval_upper_bound = step_adjustment.value.to
        scaling_adjustment          = step_adjustment.value.add
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "consumer_scaling" {
  for_each            = local.consumer_steps
  alarm_name          = "${var.name}-scaling-${each.key}"
  alarm_description   = "Nothing to do: changes the number of consumers by itself, within its bounds."
  namespace           = "AWS/Kinesis"
  metric_name         = "GetRecords.IteratorAgeMilliseconds"
  dimensions          = { StreamName = aws_kinesis_stream.transactions.name }
  statistic           = "Maximum"
  comparison_operator = each.value.operator
  threshold           = each.value.age
  period              = 60
  evaluation_periods  = each.value.minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.consumer[each.key].arn]
}
