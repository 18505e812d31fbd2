# Inside the VPC: spreads what the API sends over the producer's tasks, and takes visitors to the console.

locals {
  producer_port = 8080
  console_port  = 8090

  # Where browsers reach the console.
  console_listener_port = var.console_certificate == null ? 8090 : 443

  # A task that stops is let go of first: see SHUTDOWN_DELAY_SECONDS, which is longer.
  deregistration_seconds = 20
}

resource "aws_lb" "this" {
  # checkov:skip=CKV_AWS_91:The API logs the same requests, where they are wanted
  # checkov:skip=CKV2_AWS_20:It is internal, and the API speaks HTTPS alone
  name                       = var.name
  internal                   = true
  load_balancer_type         = "application"
  subnets                    = local.task_subnets
  security_groups            = [aws_security_group.this["load-balancer"].id]
  enable_deletion_protection = local.size.protect
  drop_invalid_header_fields = true
  # Less than the 75 s for which the producer keeps a connection: it must not close one that is about to be used.
  idle_timeout = 60
}

resource "aws_lb_target_group" "producer" {
  # checkov:skip=CKV_AWS_378:One hop inside the VPC, between two security groups
  name                          = "${var.name}-producer"
  target_type                   = "ip"
  vpc_id                        = aws_vpc.this.id
  protocol                      = "HTTP"
  port                          = local.producer_port
  deregistration_delay          = local.deregistration_seconds
  load_balancing_algorithm_type = "least_outstanding_requests" # one request may carry 1 transaction or 5,000

  health_check {
    path                = "/health/ready"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

# Plain HTTP, over one hop between two security groups: a certificate needs a domain. TLS ends at the API.
resource "aws_lb_listener" "http" {
  # checkov:skip=CKV_AWS_2:A certificate needs a domain, and none is asked for
  # checkov:skip=CKV_AWS_103:Without a certificate there is no TLS version
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTP"
  port              = 80

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.producer.arn
  }
}

variable "console_certificate" {
  description = "ARN of a certificate of ACM for the console's name; it is then served by HTTPS. null: by HTTP, at port 8090."
  type        = string
  default     = null

  validation {
    condition     = var.console_certificate == null ? true : can(regex("^arn:[a-z-]+:acm:", var.console_certificate))
    error_message = "console_certificate is the ARN of a certificate of ACM."
  }
}

resource "aws_lb_target_group" "console" {
  # checkov:skip=CKV_AWS_378:One hop inside the VPC, between two security groups
  name                 = "${var.name}-console"
  target_type          = "ip"
  vpc_id               = aws_vpc.this.id
  protocol             = "HTTP"
  port                 = local.console_port
  deregistration_delay = 10

  health_check {
    path    = "/login"
    matcher = "200"
  }
}

# For the group of the visitors alone: nobody is in it until somebody is put there.
resource "aws_lb_listener" "console" {
  # checkov:skip=CKV_AWS_2:By HTTPS where there is a certificate, which needs a domain
  # checkov:skip=CKV_AWS_103:Its TLS policy is 1.3 and 1.2 where there is a certificate
  load_balancer_arn = aws_lb.this.arn
  protocol          = var.console_certificate == null ? "HTTP" : "HTTPS"
  port              = local.console_listener_port
  certificate_arn   = var.console_certificate
  ssl_policy        = var.console_certificate == null ? null : "ELBSecurityPolicy-TLS13-1-2-2021-06"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.console.arn
  }
}
