# The pipe from left to right, a column a stage: what flows, what goes wrong, how long it takes, how full it is.

locals {
  graph_width  = 4
  graph_height = 5

  dashboard_columns = [
    {
      title = "Clients and API"
      graphs = [
        { title = "Requests", statistic = "Sum", metrics = [["AWS/ApiGateway", "Count", local.of_api]] },
        { title = "Refused", statistic = "Sum", metrics = [
          ["AWS/ApiGateway", "4xx", local.of_api],
          ["AWS/ApiGateway", "5xx", local.of_api],
        ] },
        { title = "Latency p99, ms", statistic = "p99", metrics = [
          ["AWS/ApiGateway", "Latency", local.of_api],
          ["AWS/ApiGateway", "IntegrationLatency", local.of_api],
        ] },
      ]
    },
    {
      title = "Producer"
      graphs = [
        { title = "Accepted", statistic = "Sum", metrics = [[var.name, "Accepted", local.of_producer]] },
        { title = "Rejected, unavailable", statistic = "Sum", metrics = [
          [var.name, "Rejected", local.of_producer],
          [var.name, "Unavailable", local.of_producer],
        ] },
        { title = "CPU and memory, %", statistic = "Average", metrics = [
          ["AWS/ECS", "CPUUtilization", local.of_service.producer],
          ["AWS/ECS", "MemoryUtilization", local.of_service.producer],
        ] },
        { title = "Ready tasks", statistic = "Maximum", metrics = [
          ["AWS/ApplicationELB", "HealthyHostCount", local.of_targets],
        ] },
      ]
    },
    {
      title = "Stream"
      graphs = [
        { title = "Records in", statistic = "Sum", metrics = [["AWS/Kinesis", "IncomingRecords", local.of_stream]] },
        { title = "Throttled", statistic = "Sum", metrics = [
          ["AWS/Kinesis", "WriteProvisionedThroughputExceeded", local.of_stream],
          ["AWS/Kinesis", "ReadProvisionedThroughputExceeded", local.of_stream],
        ] },
        { title = "PutRecords, ms", statistic = "p99", metrics = [
          ["AWS/Kinesis", "PutRecords.Latency", local.of_stream],
        ] },
        { title = "Bytes in", statistic = "Sum", metrics = [["AWS/Kinesis", "IncomingBytes", local.of_stream]] },
      ]
    },
    {
      title = "Archive"
      graphs = [
        { title = "Records to S3", statistic = "Sum", metrics = [
          ["AWS/Firehose", "DeliveryToS3.Records", local.of_delivery],
        ] },
        { title = "Delivery errors", statistic = "Sum", metrics = [
          ["AWS/Logs", "IncomingLogEvents", { LogGroupName = aws_cloudwatch_log_group.this["firehose"].name }],
        ] },
        { title = "Freshness, s", statistic = "Maximum", metrics = [
          ["AWS/Firehose", "DeliveryToS3.DataFreshness", local.of_delivery],
        ] },
      ]
    },
    {
      title = "Consumer"
      graphs = [
        { title = "Records read", statistic = "Sum", metrics = [
          ["AWS/Kinesis", "GetRecords.Records", local.of_stream],
        ] },
        { title = "Open dead letters", statistic = "Maximum", metrics = [
          [var.name, "OpenDeadLetters", local.of_notifier],
        ] },
        { title = "Iterator age, ms", statistic = "Maximum", metrics = [
          ["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", local.of_stream],
        ] },
        { title = "CPU and memory, %", statistic = "Average", metrics = [
          ["AWS/ECS", "CPUUtilization", local.of_service.consumer],
          ["AWS/ECS", "MemoryUtilization", local.of_service.consumer],
        ] },
      ]
    },
    {
      title = "Database and mail"
      graphs = [
        { title = "Mail sent, delivered", statistic = "Sum", metrics = [
          ["AWS/SES", "Send", {}],
          ["AWS/SES", "Delivery", {}],
        ] },
        { title = "Mail bounced, failed", statistic = "Maximum", metrics = [
          ["AWS/SES", "Bounce", {}],
          [var.name, "FailedEmails", local.of_notifier],
        ] },
        { title = "Oldest pending alert, s", statistic = "Maximum", metrics = [
          [var.name, "OldestPendingAlertSeconds", local.of_notifier],
        ] },
        { title = "Database CPU, %, and connections", statistic = "Maximum", metrics = [
          ["AWS/RDS", "CPUUtilization", local.of_database],
          ["AWS/RDS", "DatabaseConnections", local.of_database],
        ] },
      ]
    },
  ]

  # CloudWatch takes a metric as one list: namespace, name, then the dimensions' names and values in turn.
  dashboard_graphs = flatten([
    for x, column in local.dashboard_columns : [
      for y, graph in column.graphs : {
        type   = "metric"
        x      = x * local.graph_width
        y      = 3 + y * local.graph_height
        width  = local.graph_width
        height = local.graph_height
        properties = {
          title  = graph.title
          region = var.region
          view   = "timeSeries"
          stat   = graph.statistic
          period = 60
          metrics = [
            for metric in graph.metrics :
            concat([metric[0], metric[1]], flatten([for name, value in metric[2] : [name, value]]))
          ]
        }
      }
    ]
  ])

  dashboard_titles = [
    for x, column in local.dashboard_columns : {
      type       = "text"
      x          = x * local.graph_width
      y          = 2
      width      = local.graph_width
      height     = 1
      properties = { markdown = "**${column.title}**${x == length(local.dashboard_columns) - 1 ? "" : " →"}" }
    }
  ]

  dashboard_alarms = {
    type       = "alarm"
    x          = 0
    y          = 0
    width      = length(local.dashboard_columns) * local.graph_width
    height     = 2
    properties = { title = "Alarms", alarms = [for name in keys(local.alarms) : "${local.arn.cloudwatch}:alarm:${var.name}-${name}"] }
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  # Dashboards belong to the account, as roles do.
  dashboard_name = "${var.name}-${var.region}"
  dashboard_body = jsonencode({ widgets = concat([local.dashboard_alarms], local.dashboard_titles, local.dashboard_graphs) })
}
