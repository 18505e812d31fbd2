# Values that make no sense are refused before anything is made, each by the variable that has it.

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
    var.alarm_recipients, var.digest_interval_seconds, var.database_snapshot, var.zones,
    var.api_throttle, var.waf_requests_per_address, var.producer_tasks, var.consumer_tasks, var.database,
  ]
}
