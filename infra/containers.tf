# What runs in the containers: command, settings, health, and how long each may take to stop.

locals {
  images = {
    producer = "${aws_ecr_repository.this["producer"].repository_url}:${var.producer_tag}"
    consumer = "${aws_ecr_repository.this["consumer"].repository_url}:${var.consumer_tag}"
  }

  common_settings = {
    AWS_REGION        = var.region
    LOG_FORMAT        = "json"
    LOG_LEVEL         = var.log_level
    METRICS_NAMESPACE = var.name
  }

  database_host = "${aws_db_instance.this.address}:5432/${local.database_name}?sslmode=verify-full&sslrootcert=/etc/ssl/rds/bundle.pem"

  # A token of IAM is the password of each new connection: RDS changes the owner's password every week.
  database_settings = {
    DATABASE_URL  = "postgresql://${local.database_role}@${local.database_host}"
    DATABASE_AUTH = "iam"
  }

  key_settings = { API_KEYS_SECRET_ID = aws_secretsmanager_secret.api_keys.name }

  consumer_settings = merge(local.common_settings, local.database_settings, {
    STREAM_NAME      = aws_kinesis_stream.transactions.name
    APPLICATION_NAME = local.application
    # Until somebody publishes rules there, those of the image are in force.
    RULES = "s3://${aws_s3_bucket.archive.bucket}/rules/published.json"
    # Billed by metric; the stream's own iterator age says the same.
    KCL_METRICS_LEVEL = "NONE"
    # A shard is read five times a second at most, and Firehose reads it too.
    POLL_INTERVAL_MS  = "300"
    SHUTDOWN_GRACE_MS = "15000"
    # How soon a new shard, or a dead worker's, has another. KCL's own 20 s would make a reshard's children wait for 27.
    LEASE_ASSIGNMENT_INTERVAL_MS = "5000"
  })

  console_settings = merge(local.common_settings, {
    DATABASE_URL     = "postgresql://${local.console_role}@${local.database_host}"
    DATABASE_AUTH    = "iam"
    STREAM_NAME      = aws_kinesis_stream.transactions.name
    APPLICATION_NAME = local.application
    RULES            = local.consumer_settings.RULES
    ARCHIVE          = "s3://${aws_s3_bucket.archive.bucket}/transactions/"
    KEY_KMS_ID       = aws_kms_key.this.arn
    # Whoever is an admin there sees to the keys, too.
    API_KEYS_SECRET_ID = aws_secretsmanager_secret.api_keys.name
  })

  containers = {
    producer = {
      image  = local.images.producer
      memory = local.size.producer.memory
      port   = local.producer_port
      # 25 s of serving until the load balancer has let go, then what is under way: 18 s at most.
      stop_seconds = 60
      health       = { command = ["producer", "health"], interval = 10, timeout = 5, start = 60 }
      settings = merge(local.common_settings, local.key_settings, {
        STREAM_NAME            = aws_kinesis_stream.transactions.name
        PRODUCER_HOST          = "0.0.0.0"
        PRODUCER_PORT          = tostring(local.producer_port)
        SHUTDOWN_DELAY_SECONDS = tostring(local.deregistration_seconds + 5)
      })
    }

    consumer = {
      image   = local.images.consumer
      command = ["run"]
      memory  = local.consumer_memory
      # Its supervisor starts KCL's daemon again; this is for a supervisor that gives up. WORKER_ID stays unset: whoever
      # comes, in place or as another task, takes the dead one's slot and so its leases, which others wait 3 minutes for.
      restarts     = true
      stop_seconds = 45 # KCL may use all of SHUTDOWN_GRACE_MS, and then its threads end
      health       = { command = ["consumer", "health", "run"], interval = 30, timeout = 15, start = 300 }
      settings     = merge(local.consumer_settings, { JAVA_OPTIONS = "-Xmx${floor(0.38 * local.consumer_memory)}m" })
    }

    notifier = {
      image     = local.images.consumer
      command   = ["notify"]
      memory    = local.notifier_memory
      log_group = "consumer"
      # Mail is never on the stream's path: a notifier that fails does not stop the consumer. An alarm tells.
      essential    = false
      restarts     = true
      stop_seconds = 45
      health       = { command = ["consumer", "health", "notify"], interval = 30, timeout = 15, start = 60 }
      settings = merge(local.common_settings, local.database_settings, {
        ALERT_SENDER            = var.alert_sender
        ALERT_RECIPIENTS        = join(",", var.alert_recipients)
        DIGEST_INTERVAL_SECONDS = tostring(var.digest_interval_seconds)
        SES_CONFIGURATION_SET   = aws_ses_configuration_set.this.name
        HEARTBEAT_FILE          = "/tmp/heartbeat"
      })
    }

    console = {
      image        = local.images.consumer
      command      = ["console"]
      memory       = local.size.console.memory
      port         = local.console_port
      stop_seconds = 15
      health       = { command = ["consumer", "health", "console"], interval = 30, timeout = 15, start = 60 }
      settings = merge(local.console_settings, {
        CONSOLE_HOST = "0.0.0.0"
        CONSOLE_PORT = tostring(local.console_port)
        # Browsers send its cookies by HTTPS alone, where there is a certificate for it.
        CONSOLE_HTTPS   = tostring(var.console_certificate != null)
        BACKTEST_MEMORY = "${floor(0.5 * local.size.console.memory)}MB"
      })
    }

    migrate = {
      image    = local.images.consumer
      command  = ["migrate"]
      memory   = 512
      settings = merge(local.common_settings, { DATABASE_URL = "postgresql://${aws_db_instance.this.username}@${local.database_host}" })
      secrets  = { PGPASSWORD = "${local.master_secret_arn}:password::" }
    }

    tool = {
      image     = local.images.consumer
      command   = ["--help"]
      memory    = 1024
      log_group = "tools"
      settings  = local.consumer_settings
    }

    console-tool = {
      image     = local.images.consumer
      command   = ["users", "--help"]
      memory    = 512
      log_group = "tools"
      settings  = local.console_settings
    }

    keys = {
      image     = local.images.producer
      command   = ["keys", "--help"]
      memory    = 512
      log_group = "tools"
      settings  = merge(local.common_settings, local.key_settings, { KEY_KMS_ID = aws_kms_key.this.arn })
    }
  }

  notifier_memory = 256
  # Of 1,792 MiB ten shards have enough: of the daemon's heap 50 each, and 90 for the child (docs/decisions/0007).
  consumer_memory = local.size.consumer.memory - local.notifier_memory
}
